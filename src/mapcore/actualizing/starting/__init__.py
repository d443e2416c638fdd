"""Which of the changes that are possible start now.

Each map is looked at as it is (`pictures`); what its partitions could do is proposed
(`mapcore.actualizing.proposals`). Masters pass in an order that lifts no node above its peak
(`takeovers`); what goes on gives way to partitions that need one (`giving_way`); the rest is
admitted, the most urgent first (`urgency`), as far as throttles go and with the best `sources`
(`admission`). New ranges take over from old ones in one step (`switching`). What leads nowhere any
more is named (`cancelling`), and so is what has to wait, and why (`waiting`).
"""
