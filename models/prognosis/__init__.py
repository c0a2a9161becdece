"""How long until a trend reaches its limit: a number with an interval, or the reason why there is none.

In order: `trend` cuts a record into few robust points; `noise` lists the ways in which a level may wander without
anything being wrong, and whitens by each; `degradation` weighs every onset, every one of the `courses` of growth and
every kind of noise against "nothing grows"; `crossing` draws from what was not refuted when the limit is reached;
`forecast` asks them in this order and says which answer may be given.

Pure: no clock, no store. Times are seconds, values are in the unit of their limit.
"""
