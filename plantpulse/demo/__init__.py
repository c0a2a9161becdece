"""A plant, its gateway and its cloud on one machine: what `plantpulse demo` starts, watches and reports.

`command` reads the arguments; `plant` invents machines from a seed, `recorded` finds them in a folder of recordings;
`files` writes the configurations that the real agent and the real cloud then read; `supervisor` keeps broker, cloud
and agent alive; `console_reader` reads what everybody can read over HTTP; `screen` shows it.
"""
