"""
Gives a sandbox its one network interface, by rtnetlink messages: the ip program would have to be
started twice for each sandbox, once on either side. Source: rtnetlink(7), linux/if_link.h, linux/veth.h.
"""

import os
import socket
import struct

import linux

_RTM_NEWLINK, _RTM_NEWADDR, _RTM_NEWROUTE = 16, 20, 24
_NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_CREATE, _NLM_F_EXCL = 1, 4, 0x400, 0x200
_NLMSG_ERROR = 2
_IFF_UP = 1
_IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 3, 18, 28
_IFLA_INFO_KIND, _IFLA_INFO_DATA, _VETH_INFO_PEER = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_GATEWAY = 5
_RT_TABLE_MAIN, _RTPROT_BOOT, _RTN_UNICAST = 254, 3, 1
_PREFIX_BITS = 31  # a pair of addresses, one for each end (RFC 3021)
_RECEIVE_BYTES = 16384
_HEADER = "=IHHII"
_HEADER_BYTES = 16


def wire(pid, interface, host_address, guest_address):
    """
    Makes a pair of connected interfaces: `interface` on the host and eth0 in the network namespace
    of `pid`, with the default route of that namespace through it. Leaves the calling process in
    that namespace.
    """
    namespace = os.open("/proc/%d/ns/net" % pid, os.O_RDONLY | os.O_CLOEXEC)
    with _Route() as host:
        host.add_pair(interface, namespace)
        # Answers come back this way only, so a forged sender address is dropped by the kernel.
        _set("/proc/sys/net/ipv4/conf/%s/rp_filter" % interface, "1")
        _set("/proc/sys/net/ipv6/conf/%s/disable_ipv6" % interface, "1")
        host.add_address(interface, host_address)
        host.set_up(interface)
    linux.setns(namespace, linux.CLONE_NEWNET)
    with _Route() as guest:
        _set("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1")
        guest.add_address("eth0", guest_address)
        guest.set_up("eth0")
        guest.add_default_route(host_address)


def _set(path, value):
    try:
        with open(path, "w") as file:
            file.write(value)
    except FileNotFoundError:  # the kernel was built or started without this protocol
        pass


class _Route:
    """A netlink socket in the network namespace in which it was made."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._sequence = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def add_pair(self, interface, namespace):
        peer = _link_message(0, 0) + _attribute(_IFLA_IFNAME, b"eth0\0")
        peer += _attribute(_IFLA_NET_NS_FD, struct.pack("=I", namespace))
        data = _attribute(_IFLA_INFO_DATA, _attribute(_VETH_INFO_PEER, peer))
        info = _attribute(_IFLA_LINKINFO, _attribute(_IFLA_INFO_KIND, b"veth\0") + data)
        name = _attribute(_IFLA_IFNAME, interface.encode() + b"\0")
        self._request(_RTM_NEWLINK, _link_message(0, 0) + name + info, create=True)

    def set_up(self, interface):
        self._request(_RTM_NEWLINK, _link_message(socket.if_nametoindex(interface), _IFF_UP))

    def add_address(self, interface, address):
        packed = socket.inet_aton(address)
        index = socket.if_nametoindex(interface)
        body = struct.pack("=BBBBI", socket.AF_INET, _PREFIX_BITS, 0, 0, index)
        body += _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_ADDRESS, packed)
        self._request(_RTM_NEWADDR, body, create=True)

    def add_default_route(self, gateway):
        body = struct.pack(
            "=8BI",
            socket.AF_INET, 0, 0, 0, _RT_TABLE_MAIN, _RTPROT_BOOT, 0, _RTN_UNICAST, 0,
        )
        body += _attribute(_RTA_GATEWAY, socket.inet_aton(gateway))
        self._request(_RTM_NEWROUTE, body, create=True)

    def _request(self, kind, body, create=False):
        self._sequence += 1
        flags = _NLM_F_REQUEST | _NLM_F_ACK
        if create:
            flags |= _NLM_F_CREATE | _NLM_F_EXCL
        length = _HEADER_BYTES + len(body)
        self._socket.send(struct.pack(_HEADER, length, kind, flags, self._sequence, 0) + body)
        answer = self._socket.recv(_RECEIVE_BYTES)
        _, answer_kind, _, _, _ = struct.unpack_from(_HEADER, answer)
        if answer_kind != _NLMSG_ERROR:
            raise OSError("Unexpected netlink answer %d to %d" % (answer_kind, kind))
        code = -struct.unpack_from("=i", answer, _HEADER_BYTES)[0]
        if code != 0:
            raise OSError(code, os.strerror(code), "netlink message %d" % kind)


def _link_message(index, flags):
    return struct.pack("=BBHiII", socket.AF_UNSPEC, 0, 0, index, flags, flags)


def _attribute(kind, value):
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + b"\0" * (-length % 4)
