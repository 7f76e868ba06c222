# SPDX-License-Identifier: GPL-2.0-or-later
"""The blind score: faults that the rules' author did not choose, and what netlab makes of them.

injections  what is broken: every scenario and atlas cell, moved, doubled and mixed
truth       what an injection has done, in words of TCP; knows nothing of the rules
healthy     connections with which nothing is wrong, between the broken ones
record      plays injections and keeps what a person on either host would have seen
corpus      what was kept, as files
network     healthy applications (traffic) on a line with delay and loss
onlookers   looks at them, asks about them, and counts who is accused
services    real services and their clients
busy        looks at those for minutes, and asks about every look
judge       asks netlab.diagnosis, and counts
page        the score and its confusion table, for a terminal and for docs/score.md
"""
