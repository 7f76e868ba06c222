# SPDX-License-Identifier: GPL-2.0-or-later
"""The attributes of nf_tables' messages, by the names that the kernel's header has
(``include/uapi/linux/netfilter/nf_tables.h``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Union

from netlab.linux.netlink import attribute, text_attribute

#: A number, a text, bytes as they are, or attributes inside.
Value = Union[int, str, bytes, "Attributes"]
Attributes = list[tuple[str, Value]]

#: Their numbers.
NUMBERS = {
    "NFTA_LIST_ELEM": 1,
    "NFTA_TABLE_NAME": 1, "NFTA_TABLE_FLAGS": 2,
    "NFTA_CHAIN_TABLE": 1, "NFTA_CHAIN_NAME": 3, "NFTA_CHAIN_HOOK": 4, "NFTA_CHAIN_POLICY": 5,
    "NFTA_CHAIN_TYPE": 7,
    "NFTA_HOOK_HOOKNUM": 1, "NFTA_HOOK_PRIORITY": 2,
    "NFTA_RULE_TABLE": 1, "NFTA_RULE_CHAIN": 2, "NFTA_RULE_EXPRESSIONS": 4,
    "NFTA_EXPR_NAME": 1, "NFTA_EXPR_DATA": 2,
    "NFTA_SET_TABLE": 1, "NFTA_SET_NAME": 2, "NFTA_SET_FLAGS": 3, "NFTA_SET_KEY_TYPE": 4,
    "NFTA_SET_KEY_LEN": 5, "NFTA_SET_DESC": 9, "NFTA_SET_ID": 10, "NFTA_SET_USERDATA": 13,
    "NFTA_SET_DESC_SIZE": 1,
    "NFTA_SET_ELEM_LIST_TABLE": 1, "NFTA_SET_ELEM_LIST_SET": 2, "NFTA_SET_ELEM_LIST_ELEMENTS": 3,
    "NFTA_SET_ELEM_LIST_SET_ID": 4,
    "NFTA_SET_ELEM_KEY": 1,
    "NFTA_DATA_VALUE": 1, "NFTA_DATA_VERDICT": 2, "NFTA_VERDICT_CODE": 1,
    "NFTA_BITWISE_SREG": 1, "NFTA_BITWISE_DREG": 2, "NFTA_BITWISE_LEN": 3, "NFTA_BITWISE_MASK": 4,
    "NFTA_BITWISE_XOR": 5,
    "NFTA_BYTEORDER_SREG": 1, "NFTA_BYTEORDER_DREG": 2, "NFTA_BYTEORDER_OP": 3,
    "NFTA_BYTEORDER_LEN": 4, "NFTA_BYTEORDER_SIZE": 5,
    "NFTA_CMP_SREG": 1, "NFTA_CMP_OP": 2, "NFTA_CMP_DATA": 3,
    "NFTA_COUNTER_BYTES": 1, "NFTA_COUNTER_PACKETS": 2,
    "NFTA_IMMEDIATE_DREG": 1, "NFTA_IMMEDIATE_DATA": 2,
    "NFTA_LOG_GROUP": 1, "NFTA_LOG_PREFIX": 2,
    "NFTA_LOOKUP_SET": 1, "NFTA_LOOKUP_SREG": 2, "NFTA_LOOKUP_SET_ID": 4, "NFTA_LOOKUP_FLAGS": 5,
    "NFTA_META_DREG": 1, "NFTA_META_KEY": 2,
    "NFTA_NG_DREG": 1, "NFTA_NG_MODULUS": 2, "NFTA_NG_TYPE": 3, "NFTA_NG_OFFSET": 4,
    "NFTA_PAYLOAD_DREG": 1, "NFTA_PAYLOAD_BASE": 2, "NFTA_PAYLOAD_OFFSET": 3,
    "NFTA_PAYLOAD_LEN": 4,
    "NFTA_REJECT_TYPE": 1, "NFTA_REJECT_ICMP_CODE": 2,
}  # fmt: skip
#: The bytes of the numbers that do not have four.
WIDTHS = {
    "NFTA_COUNTER_BYTES": 8,
    "NFTA_COUNTER_PACKETS": 8,
    "NFTA_LOG_GROUP": 2,
    "NFTA_REJECT_ICMP_CODE": 1,
}


def encoded(attributes: Iterable[tuple[str, Value]]) -> bytes:
    """The bytes of these attributes, one after the other."""
    return b"".join(_encoded(name, value) for name, value in attributes)


def _encoded(name: str, value: Value) -> bytes:
    number = NUMBERS[name]
    if isinstance(value, int):
        return attribute(number, value.to_bytes(WIDTHS.get(name, 4), "big"))
    if isinstance(value, str):
        return text_attribute(number, value)
    if isinstance(value, bytes):
        return attribute(number, value)
    return attribute(number, encoded(value))
