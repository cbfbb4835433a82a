package proxy

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// The kernel's socket diagnosis (sock_diag(7), linux/inet_diag.h) answers for one socket without
// walking through all of them, as reading /proc/net/tcp does.
const (
	diagRequestSize = unix.SizeofNlMsghdr + 56 // struct inet_diag_req_v2
	diagAnswerSize  = unix.SizeofNlMsghdr + 72 // struct inet_diag_msg
	sockDiagFamily  = 20                       // SOCK_DIAG_BY_FAMILY
	allStates       = 0xffffffff
)

// socket is the other end of a connection on this machine.
type socket struct {
	user  uint32
	owned bool // a process has it open; else it is closed, and its user may not be told
}

// ownPeer says whether a program of our user holds the other end of a connection on loopback.
func ownPeer(local, remote net.Addr) bool {
	s, err := peerSocket(local, remote)
	return err == nil && s.owned && int(s.user) == os.Geteuid()
}

// peerGone says that the other end of a connection on loopback is closed for good, and not only for
// writing. Of other connections that cannot be known, and a peer that stopped writing is taken to
// be gone.
func peerGone(local, remote net.Addr) bool {
	s, err := peerSocket(local, remote)
	return err != nil || !s.owned
}

var errNotLocal = errors.New("the peer is not on this machine")

// peerSocket looks the other end of a loopback connection up.
func peerSocket(local, remote net.Addr) (s socket, err error) {
	here, ok := addrPort(local)
	there, alsoOK := addrPort(remote)
	if !ok || !alsoOK || here.Addr() != there.Addr() && !there.Addr().IsLoopback() {
		return s, errNotLocal
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return s, err
	}
	defer unix.Close(fd)
	to := &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
	if err := unix.Sendto(fd, diagRequest(there, here), 0, to); err != nil {
		return s, err
	}
	b := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, b, 0)
	if err != nil {
		return s, err
	}
	if n < diagAnswerSize || binary.NativeEndian.Uint16(b[4:]) != sockDiagFamily {
		return s, unix.ENOENT
	}
	b = b[unix.SizeofNlMsghdr:]
	return socket{
		user:  binary.NativeEndian.Uint32(b[64:]),
		owned: binary.NativeEndian.Uint32(b[68:]) != 0,
	}, nil
}

// addrPort is a TCP address with a mapped IPv4 address unmapped.
func addrPort(a net.Addr) (netip.AddrPort, bool) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), true
}

// diagRequest asks for the socket that is bound to from and connected to to.
func diagRequest(from, to netip.AddrPort) []byte {
	b := make([]byte, diagRequestSize)
	binary.NativeEndian.PutUint32(b[0:], diagRequestSize)
	binary.NativeEndian.PutUint16(b[4:], sockDiagFamily)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST)
	r := b[unix.SizeofNlMsghdr:]
	r[0], r[1] = unix.AF_INET, unix.IPPROTO_TCP
	if from.Addr().Is6() {
		r[0] = unix.AF_INET6
	}
	binary.NativeEndian.PutUint32(r[4:], allStates)
	binary.BigEndian.PutUint16(r[8:], from.Port())
	binary.BigEndian.PutUint16(r[10:], to.Port())
	copy(r[12:28], from.Addr().AsSlice())
	copy(r[28:44], to.Addr().AsSlice())
	binary.NativeEndian.PutUint64(r[48:], 1<<64-1) // INET_DIAG_NOCOOKIE
	return b
}
