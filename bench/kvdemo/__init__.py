# SPDX-License-Identifier: MIT
"""bench/demo: kv on IX against memcached on Linux.

    modes.py  the networks that it can be shown on
    acts.py   what is done there, and said"""
