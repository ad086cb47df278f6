package main

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mirrorgw/testnet"
)

// TestPortScanOfTheGateway asks every TCP and UDP port of the gateway's addresses from the LAN: none is open, those that are
// intercepted elsewhere included. It answers ping, and says that ports are closed.
func TestPortScanOfTheGateway(t *testing.T) {
	t.Parallel()
	lab := testnet.NewLab(t)
	startGateway(t, lab, lab.GatewayConfig())
	for _, gateway := range []netip.Addr{testnet.GatewayIPv4, testnet.GatewayIPv6} {
		shell(t, lab.Client, "ping -c1 -W2 "+gateway.String())
		started := time.Now()
		open, refused := scanTCP(t, lab.Client, gateway)
		if len(open) > 0 || refused < 65_000 {
			t.Errorf("%s: TCP ports %v are open, %d refused", gateway, open, refused)
		}
		t.Logf("%s: %d TCP ports refused in %v", gateway, refused, time.Since(started))
		if answers := scanUDP(t, lab.Client, gateway); len(answers) > 0 {
			t.Errorf("%s: UDP answers from %v", gateway, answers)
		}
	}
}

// scanTCP connects to every port, and returns the open ones and how many refused.
func scanTCP(t *testing.T, from *testnet.Host, to netip.Addr) (open []uint16, refused int) {
	t.Helper()
	var (
		scanning sync.WaitGroup
		mu       sync.Mutex
	)
	const parts = 32
	for part := range parts {
		scanning.Go(func() { // ends with its ports
			if err := from.Do(func() error {
				for port := 1 + part; port <= 0xffff; port += parts {
					conn, err := net.DialTimeout("tcp", netip.AddrPortFrom(to, uint16(port)).String(), 2*time.Second)
					mu.Lock()
					switch {
					case err == nil:
						conn.Close()
						open = append(open, uint16(port))
					case errors.Is(err, unix.ECONNREFUSED):
						refused++
					}
					mu.Unlock()
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	scanning.Wait()
	return open, refused
}

// scanUDP sends to every port, and returns the ports that answered with a datagram.
func scanUDP(t *testing.T, from *testnet.Host, to netip.Addr) (answered []netip.AddrPort) {
	t.Helper()
	var socket *net.UDPConn
	if err := from.Do(func() (err error) {
		socket, err = net.ListenUDP("udp", nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for port := 1; port <= 0xffff; port++ {
		// A refusal of an earlier one may be reported here, and is no matter.
		_, _ = socket.WriteToUDPAddrPort([]byte("anybody?"), netip.AddrPortFrom(to, uint16(port)))
	}
	shell(t, from, "ping -c1 -w10 -i0.1 "+to.String()) // once one of them is answered, what was sent before has been looked at
	if err := socket.SetReadDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for {
		_, who, err := socket.ReadFromUDPAddrPort(make([]byte, 64))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return answered
		}
		if err == nil {
			answered = append(answered, who)
		}
	}
}
