"""Grafana, generated: data source, dashboards and alert rules as a function of where things are.

`palette` and `flux` are the words; `panels` and `boards` turn dataclasses into Grafana's JSON; `fleet`, `machine`,
`alarms`, `gateways` and `egress` are one dashboard each; `rules` the alert rules; `files` all of it as files for
provisioning; `pushing` brings it to a running Grafana through `client`, the only file that imports grafana-api.
Nothing here was run against Grafana's server: see decision 0032.
"""
