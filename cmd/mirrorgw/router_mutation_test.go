package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"mirrorgw/forwarder"
	"mirrorgw/stack"
	"mirrorgw/testnet"
)

const (
	// mutatedFrames is how many frames a run of the tests sends: 75 s of a core's time. `make soak` has MIRRORGW_SOAK_FRAMES say more.
	mutatedFrames = 10_000_000
	soakFrames    = "MIRRORGW_SOAK_FRAMES"

	mutationSeed = 1
	virtioHeader = testnet.VirtioHeaderSize
)

// The LAN of the mutated frames.
var (
	mutRouter = net.HardwareAddr{2, 0, 0, 0, 0, 0x01}
	mutClient = net.HardwareAddr{2, 0, 0, 0, 0, 0x10}
)

// TestRouterA16MutatedFrames sends frames through the whole path, forwarder and netstack, that were valid before something was
// done to them, answers what the gateway asks, and goes on with answers to what it says, so that flows come up and are disturbed
// in every state. Nothing panics, each frame is counted once, no frame that leaves is one that no router sends, and memory and
// goroutines stay where they were.
func TestRouterA16MutatedFrames(t *testing.T) {
	if os.Getenv(alone) == "" {
		t.Parallel()
		runAlone(t)
		return
	}
	testnet.CheckLeaks(t)
	total := uint64(mutatedFrames)
	if s := os.Getenv(soakFrames); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		total = n
	}
	if testing.Short() || raceDetector { // which takes ten times the time
		total = min(total, 500_000)
	}
	routers := []netip.Addr{testnet.RouterIPv4, netip.MustParseAddr("fe80::1")}
	addresses := []netip.Prefix{netip.PrefixFrom(testnet.GatewayIPv4, 24), netip.PrefixFrom(testnet.GatewayIPv6, 64), stack.LinkLocal(mirrorMAC)}
	var log bytes.Buffer // written under the handler's own lock, read when all has ended
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
	f, err := forwarder.New(forwarder.Config{
		MAC: [6]byte(mirrorMAC), Addresses: addresses, Routers: routers,
		Intercept: []forwarder.Rule{{Name: "pop3", Ports: []uint16{110}}}, Log: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	m := &mutations{total: total, start: make(chan struct{}), stop: make(chan struct{}), spent: make(chan struct{}), answers: make(chan []byte, 256)}
	first, second := newMutationPort(m, 0), newMutationPort(m, 1)
	ports := []forwarder.Port{first, second}
	handler := &echo{}
	s, err := stack.New(stack.Config{
		MAC: mirrorMAC, MTU: 1500, Offload: true, Writers: []stack.FrameWriter{hostPort{first}, hostPort{second}}, Addresses: addresses, Routers: routers,
		Ports: []uint16{110}, Neighbours: f, Handler: handler, Log: logger, DialTimeout: time.Second, Drain: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { // ends with m.stop
		if err := f.Run(context.WithoutCancel(ctx), s, ports); err != nil {
			t.Error(err)
		}
	})
	if err := s.Claim(ctx); err != nil {
		t.Fatal(err)
	}
	running.Go(func() { // ends with ctx
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	s.Admit()

	before := memoryNow(m)
	began := time.Now()
	close(m.start)
	// Flat is what no longer grows in the second half.
	var half, end memory
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for spent := false; !spent; {
		select {
		case <-m.spent:
			spent = true
		case <-ticker.C:
			if half.frames == 0 && m.taken.Load() >= total/2 {
				half = memoryNow(m)
			}
		}
	}
	end = memoryNow(m)
	took := time.Since(began)
	cancel()
	close(m.stop)
	running.Wait()
	after := memoryNow(m)

	c := f.Counters()
	sum := c.Forwarded + c.PuntedOwn + c.PuntedIntercept
	for _, n := range c.Dropped {
		sum += n
	}
	if c.Received != total+m.answered.Load() || sum != c.Received {
		t.Errorf("%d frames and %d answers given, %d received, %d accounted for", total, m.answered.Load(), c.Received, sum)
	}
	if c.Dropped[forwarder.Panic] > 0 || c.Dropped[forwarder.Undecided] > 0 {
		t.Errorf("%d panics, %d undecided:\n%.3000s", c.Dropped[forwarder.Panic], c.Dropped[forwarder.Undecided], log.String())
	}
	if n := m.faults.Load(); n > 0 {
		t.Errorf("%d frames left that none should, such as: %s", n, m.fault.Load())
	}
	flows := s.Counters()
	t.Logf("%d frames in %s (%.0f a second)\nforwarder %+v\nstack %+v\nhalf %+v\nend  %+v\nover %+v", c.Received, took, float64(c.Received)/took.Seconds(), c, flows, half, end, after)
	if total >= mutatedFrames && (flows.Flows < 100 || c.Forwarded < total/20 || c.PuntedOwn < total/20 || c.PuntedIntercept < total/50) {
		t.Error("the frames do not get deep enough")
	}
	// Connections whose peer is silent stay for half a minute after their end: a short run has only its own end to look at.
	if took > 3*time.Minute && (end.heap > half.heap+64<<20 || end.goroutines > half.goroutines+200) {
		t.Errorf("half way %+v, in the end %+v", half, end)
	}
	if after.heap > before.heap+64<<20 || after.goroutines > before.goroutines+5 {
		t.Errorf("before %+v, afterwards %+v", before, after)
	}
}

// alone says that the process has no other test.
const alone = "MIRRORGW_TEST_ALONE"

// runAlone runs a test, which is about all of its process, in one of its own, so that others can run beside it.
func runAlone(t *testing.T) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-test.run=^" + t.Name() + "$", "-test.v"}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), alone+"=1", asMain+"=")
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "W") { // what the netstack warns of
			t.Log(strings.TrimSpace(line))
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// memory are the process's memory and goroutines at a moment.
type memory struct {
	frames     uint64
	heap       uint64 // octets in use after a collection
	goroutines int
}

func memoryNow(m *mutations) memory {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return memory{frames: m.taken.Load(), heap: s.HeapAlloc, goroutines: runtime.NumGoroutine()}
}

// echo serves a flow by passing on what the client says, and ends it after a little.
type echo struct{}

func (*echo) ServeFlow(ctx context.Context, f stack.Flow) {
	deadline := time.Now().Add(time.Second)
	for _, c := range []net.Conn{f.Client, f.Server} {
		_ = c.SetDeadline(deadline) // the connection is live
	}
	var up sync.WaitGroup
	up.Go(func() { _, _ = io.Copy(f.Server, io.LimitReader(f.Client, 1<<16)) }) // ends by the deadline
	_, _ = io.Copy(f.Client, io.LimitReader(f.Server, 1<<16))                   // whatever ends it
	up.Wait()
}

// RefuseFlow says nothing.
func (*echo) RefuseFlow(context.Context, net.Conn, stack.Refusal) {}

// mutations is what the ports of one run share.
type mutations struct {
	total    uint64
	taken    atomic.Uint64 // mutated frames given
	answered atomic.Uint64 // answers given besides
	start    chan struct{} // closed when the gateway is up
	once     sync.Once
	spent    chan struct{} // closed, once, when all frames are given
	stop     chan struct{} // closed in the end
	answers  chan []byte   // to what the gateway sent

	faults atomic.Uint64
	fault  atomic.Value // string: the first fault
}

// mutationPort is a device queue on which mutated frames arrive.
type mutationPort struct {
	*mutations
	rand  *rand.Rand
	seeds [][]byte
	live  [64][]byte // answers given lately, to be changed and given again; the reader's own
	at    int
}

func newMutationPort(m *mutations, n uint64) *mutationPort {
	return &mutationPort{mutations: m, rand: rand.New(rand.NewPCG(mutationSeed, n)), seeds: mutationSeeds()}
}

// ReadFrames implements forwarder.Port.
func (p *mutationPort) ReadFrames(bufs [][]byte, sizes []int) (int, error) {
	select {
	case <-p.stop:
		return 0, os.ErrClosed
	default:
	}
	n := 0
	for n < len(bufs)/2 { // what the gateway was told in answer comes as it is
		select {
		case b := <-p.answers:
			p.live[p.at%len(p.live)] = b
			p.at++
			sizes[n] = copy(bufs[n], b)
			n++
			continue
		default:
		}
		break
	}
	p.answered.Add(uint64(n))
	select {
	case <-p.start:
	default:
		return p.wait(n)
	}
	more := len(bufs) - n
	for {
		taken := p.taken.Load()
		more = min(more, int(p.total-taken))
		if p.taken.CompareAndSwap(taken, taken+uint64(more)) {
			break
		}
	}
	if more == 0 {
		p.once.Do(func() { close(p.spent) })
		return p.wait(n)
	}
	for range more {
		sizes[n] = p.mutate(bufs[n])
		n++
	}
	return n, nil
}

// wait is a read that finds no mutated frame: it returns the answers there are, or waits for something to change.
func (p *mutationPort) wait(n int) (int, error) {
	if n > 0 {
		return n, nil
	}
	start := p.start
	select {
	case <-start:
		start = nil // it is the end that is waited for
	default:
	}
	select {
	case <-start:
	case <-p.stop:
	case <-time.After(time.Millisecond): // answers
	}
	return 0, nil
}

// mutate puts a frame into b and returns its length.
func (p *mutationPort) mutate(b []byte) int {
	r := p.rand
	base := p.seeds[r.IntN(len(p.seeds))]
	if live := p.live[r.IntN(len(p.live))]; live != nil && r.IntN(2) == 0 {
		base = live
	}
	n := copy(b, base)
	for range r.IntN(4) { // none sometimes: the valid ones make the state that others disturb
		n = p.change(b, n)
	}
	if n < virtioHeader+etherHeader {
		return n
	}
	if r.IntN(8) != 0 { // most are for the gateway, or they would all end at the first comparison
		copy(b[virtioHeader:], mirrorMAC)
	}
	if r.IntN(4) != 0 { // the same of the header's checksum
		fixHeader(b[virtioHeader+etherHeader : n])
	}
	switch r.IntN(4) {
	case 0, 1:
		b[0] = 2 // and the transport's: the device says that it has verified it
	case 2:
		b[0], b[1] = 0, 0
	}
	return n
}

// change does one thing to a frame of n octets and returns its new length.
func (p *mutationPort) change(b []byte, n int) int {
	r := p.rand
	at := r.IntN(max(n, 1))
	if r.IntN(2) == 0 {
		at = min(at, virtioHeader+etherHeader+r.IntN(80)) // headers are where it matters
	}
	switch r.IntN(9) {
	case 0:
		b[at] ^= 1 << r.IntN(8)
	case 1:
		b[at] = byte(r.Uint32())
	case 2:
		b[at] = [...]byte{0, 1, 0x7f, 0x80, 0xff, 4, 5, 6, 17, 43, 44, 58, 60}[r.IntN(13)]
	case 3:
		if at+2 <= n {
			binary.BigEndian.PutUint16(b[at:], [...]uint16{0, 1, 0xffff, 0x7fff, 110, 1500, 0x2000, uint16(n)}[r.IntN(8)])
		}
	case 4: // cut
		return at
	case 5: // more
		more := min(r.IntN(64), len(b)-n)
		for i := range more {
			b[n+i] = byte(r.Uint32())
		}
		return n + more
	case 6: // another frame's rest
		return at + copy(b[at:], p.seeds[r.IntN(len(p.seeds))][min(at, 24):])
	case 7: // a block again, elsewhere
		to := r.IntN(max(n, 1))
		copy(b[to:n], b[at:min(at+r.IntN(40), n)])
	default: // TCP: another sequence number, near the right one
		if s := virtioHeader + etherHeader + 20 + 4; s+4 <= n {
			binary.BigEndian.PutUint32(b[s:], binary.BigEndian.Uint32(b[s:])+uint32(r.IntN(2000))-1000)
		}
	}
	return n
}

// fixHeader makes an IPv4 header's checksum right where there is a header.
func fixHeader(ip []byte) {
	if len(ip) < 20 || ip[0]>>4 != 4 {
		return
	}
	header := int(ip[0]&15) * 4
	if header < 20 || header > len(ip) {
		return
	}
	clear(ip[10:12])
	binary.BigEndian.PutUint16(ip[10:], sumOf(ip[:header]))
}

// WriteFrames implements forwarder.Port. What is forwarded is not answered: the answer would be forwarded, and so on.
func (p *mutationPort) WriteFrames(frames [][]byte) (int, error) { return p.write(frames, false) }

// hostPort is the port as the netstack writes to it.
type hostPort struct{ *mutationPort }

// WriteFrames implements stack.FrameWriter.
func (p hostPort) WriteFrames(frames [][]byte) (int, error) { return p.write(frames, true) }

// write looks at frames, and has them answered.
func (p *mutationPort) write(frames [][]byte, host bool) (int, error) {
	for _, b := range frames {
		if what := faultOf(b); what != "" {
			if p.faults.Add(1) == 1 {
				p.fault.Store(fmt.Sprintf("%s: %.200x", what, b))
			}
			continue
		}
		if a := answerTo(b, host); a != nil {
			select {
			case p.answers <- a:
			default: // enough for now
			}
		}
	}
	return len(frames), nil
}

// faultOf says what keeps a frame from being one that a router sends; empty if nothing.
func faultOf(b []byte) string {
	if len(b) < virtioHeader+etherHeader {
		return "short"
	}
	ether := b[virtioHeader:]
	if sourceMAC(ether) != [6]byte(mirrorMAC) {
		return "not from our MAC"
	}
	if bytes.Equal(ether[:6], mirrorMAC) {
		return "to our own MAC"
	}
	ip := ether[etherHeader:]
	switch etherType(ether) {
	case layers.EthernetTypeIPv4:
		if len(ip) < 20 || ip[0]>>4 != 4 || int(ip[0]&15)*4 > len(ip) || ip[0]&15 < 5 {
			return "no IPv4 header"
		}
		if sumOf(ip[:int(ip[0]&15)*4]) != 0 {
			return "wrong header checksum"
		}
		if int(binary.BigEndian.Uint16(ip[2:])) != len(ip) {
			return "IPv4 of another length"
		}
		if ip[8] == 0 {
			return "TTL 0"
		}
		if a := netip.AddrFrom4([4]byte(ip[16:])); a.IsLoopback() || a.IsUnspecified() {
			return "to a martian"
		}
	case layers.EthernetTypeIPv6:
		if len(ip) < 40 || ip[0]>>4 != 6 || 40+int(binary.BigEndian.Uint16(ip[4:])) != len(ip) {
			return "no IPv6 header"
		}
		if ip[7] == 0 {
			return "hop limit 0"
		}
		if a := netip.AddrFrom16([16]byte(ip[24:])); a.IsLoopback() || a.IsUnspecified() {
			return "to a martian"
		}
	case layers.EthernetTypeARP:
	default:
		return "another EtherType"
	}
	return ""
}

// answerTo returns what a live LAN would answer to a frame of the gateway, its TCP included if tcp; nil for nothing.
func answerTo(b []byte, tcp bool) []byte {
	ether := b[virtioHeader:]
	ip := ether[etherHeader:]
	switch etherType(ether) {
	case layers.EthernetTypeARP:
		return answerARP(ether)
	case layers.EthernetTypeIPv6:
		if len(ip) >= 64 && ip[6] == byte(layers.IPProtocolICMPv6) && ip[40] == 135 {
			return answerSolicitation(ether)
		}
		if tcp && len(ip) >= 60 && ip[6] == byte(layers.IPProtocolTCP) {
			return answerTCP(b, 40)
		}
	case layers.EthernetTypeIPv4:
		if tcp && len(ip) >= 40 && ip[0] == 0x45 && ip[9] == byte(layers.IPProtocolTCP) {
			return answerTCP(b, 20)
		}
	}
	return nil
}

// whoHas is the MAC of an address on the LAN.
func whoHas(a []byte) net.HardwareAddr {
	if bytes.Equal(a, testnet.RouterIPv4.AsSlice()) || bytes.Equal(a, netip.MustParseAddr("fe80::1").AsSlice()) || bytes.Equal(a, testnet.RouterIPv6.AsSlice()) {
		return mutRouter
	}
	if bytes.Equal(a, testnet.ClientIPv4.AsSlice()) || bytes.Equal(a, testnet.ClientIPv6.AsSlice()) {
		return mutClient
	}
	return nil
}

func answerARP(ether []byte) []byte {
	if len(ether) < 42 || ether[21] != 1 {
		return nil
	}
	mac := whoHas(ether[38:42])
	if mac == nil {
		return nil
	}
	return offloaded(frame(mac, mirrorMAC, &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: layers.ARPReply,
		SourceHwAddress: mac, SourceProtAddress: bytes.Clone(ether[38:42]), DstHwAddress: mirrorMAC, DstProtAddress: bytes.Clone(ether[28:32]),
	}))
}

func answerSolicitation(ether []byte) []byte {
	target := bytes.Clone(ether[etherHeader+48 : etherHeader+64])
	mac := whoHas(target)
	if mac == nil {
		return nil
	}
	ip := &layers.IPv6{Version: 6, HopLimit: 255, NextHeader: layers.IPProtocolICMPv6, SrcIP: target, DstIP: bytes.Clone(ether[etherHeader+8 : etherHeader+24])}
	return offloaded(frame(mac, mirrorMAC, ip, &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(136, 0)},
		&layers.ICMPv6NeighborAdvertisement{Flags: 0x60, TargetAddress: target, Options: layers.ICMPv6Options{{Type: 2, Data: mac}}}))
}

// answerTCP answers a segment of the gateway: a SYN with SYN-ACK, anything else with an acknowledgement and some words.
func answerTCP(b []byte, header int) []byte {
	ether := b[virtioHeader:]
	s := ether[etherHeader+header:]
	flags := s[13]
	if flags&4 != 0 { // RST
		return nil
	}
	length := len(s) - int(s[12]>>4)*4
	if flags&3 != 0 {
		length++
	}
	var ip gopacket.SerializableLayer
	if header == 20 {
		ip = &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: bytes.Clone(ether[etherHeader+16 : etherHeader+20]), DstIP: bytes.Clone(ether[etherHeader+12 : etherHeader+16])}
	} else {
		ip = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: bytes.Clone(ether[etherHeader+24 : etherHeader+40]), DstIP: bytes.Clone(ether[etherHeader+8 : etherHeader+24])}
	}
	tcp := &layers.TCP{
		SrcPort: layers.TCPPort(binary.BigEndian.Uint16(s[2:])), DstPort: layers.TCPPort(binary.BigEndian.Uint16(s)),
		Seq: binary.BigEndian.Uint32(s[8:]), Ack: binary.BigEndian.Uint32(s[4:]) + uint32(max(length, 0)), ACK: true, Window: 30000,
	}
	var words gopacket.Payload
	switch {
	case flags&2 != 0 && flags&16 == 0:
		tcp.SYN, tcp.Seq = true, 1<<31
	case length > 1 || flags&2 != 0:
		words, tcp.PSH = []byte("+OK words\r\n"), true
	case length == 0:
		return nil // an acknowledgement is not answered, or it would never end
	}
	return offloaded(frame(net.HardwareAddr(bytes.Clone(ether[:6])), mirrorMAC, ip, tcp, words))
}

// offloaded puts an empty virtio header before a frame.
func offloaded(frame []byte) []byte { return append(make([]byte, virtioHeader), frame...) }

// mutationSeeds are valid frames of every kind the gateway tells apart.
func mutationSeeds() [][]byte {
	broadcast := net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	words := gopacket.Payload(strings.Repeat("words ", 40))
	ports := func(port layers.TCPPort, syn bool) *layers.TCP {
		return &layers.TCP{SrcPort: 40000 + port, DstPort: port, Seq: 1000, SYN: syn, ACK: !syn, Window: 30000, Options: []layers.TCPOption{{OptionType: 2, OptionLength: 4, OptionData: []byte{5, 0xb4}}}}
	}
	var seeds [][]byte
	add := func(frames ...[]byte) {
		for _, f := range frames {
			seeds = append(seeds, offloaded(f))
		}
	}
	arp := func(operation uint16, mac net.HardwareAddr, from, to netip.Addr, dst net.HardwareAddr) []byte {
		return frame(mac, dst, &layers.ARP{
			AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: operation,
			SourceHwAddress: mac, SourceProtAddress: from.AsSlice(), DstHwAddress: make([]byte, 6), DstProtAddress: to.AsSlice(),
		})
	}
	add(arp(layers.ARPRequest, mutClient, testnet.ClientIPv4, testnet.GatewayIPv4, broadcast), arp(layers.ARPReply, mutRouter, testnet.RouterIPv4, testnet.GatewayIPv4, mirrorMAC))
	for _, n := range []struct{ client, server, gateway netip.Addr }{
		{testnet.ClientIPv4, testnet.MailIPv4, testnet.GatewayIPv4}, {testnet.ClientIPv6, testnet.MailIPv6, testnet.GatewayIPv6},
	} {
		four := n.client.Is4()
		echo, icmp, fault := gopacket.SerializableLayer(&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 1, Seq: 1}), layers.IPProtocolICMPv4,
			gopacket.SerializableLayer(&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 4), Seq: 1400})
		if !four {
			echo, icmp = &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(128, 0)}, layers.IPProtocolICMPv6
			fault = &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(2, 0)}
		}
		up := func(ttl uint8, protocol layers.IPProtocol, parts ...gopacket.SerializableLayer) []byte {
			return frame(mutClient, mirrorMAC, append([]gopacket.SerializableLayer{ipOf(n.client, n.server, protocol, ttl)}, parts...)...)
		}
		add(up(64, layers.IPProtocolUDP, udp(), words), up(1, layers.IPProtocolUDP, udp(), words), up(64, layers.IPProtocolTCP, ports(80, true)), up(64, layers.IPProtocolTCP, ports(443, false), words))
		for i := range 4 {
			add(up(64, layers.IPProtocolTCP, &layers.TCP{SrcPort: layers.TCPPort(50000 + i), DstPort: 110, Seq: 1000, SYN: true, Window: 30000}), up(64, layers.IPProtocolTCP, ports(110, false), words))
		}
		add(up(64, icmp, echo, words), up(64, layers.IPProtocolGRE, words), up(64, layers.IPProtocolSCTP, &layers.SCTP{SrcPort: 1, DstPort: 2}, words))
		add(fragments(up(64, layers.IPProtocolUDP, udp(), words), 7)...)
		add(frame(mutClient, mirrorMAC, ipOf(n.client, n.gateway, icmp, 64), echo, words), frame(mutClient, mirrorMAC, ipOf(n.client, n.gateway, layers.IPProtocolTCP, 64), ports(110, true)))
		add(fragments(frame(mutClient, mirrorMAC, ipOf(n.client, n.gateway, icmp, 64), echo, words), 8)...)
		add(frame(mutRouter, mirrorMAC, ipOf(n.server, n.client, layers.IPProtocolUDP, 60), udp(), words), frame(mutRouter, mirrorMAC, ipOf(n.server, n.gateway, layers.IPProtocolTCP, 60), &layers.TCP{SrcPort: 110, DstPort: 32768, ACK: true, Window: 30000}, words))
		// An error about a frame of the gateway's own, and one about a flow that it ends.
		own := frame(mirrorMAC, mutRouter, ipOf(n.gateway, n.server, layers.IPProtocolTCP, 64), &layers.TCP{SrcPort: 32768, DstPort: 110, SYN: true})[etherHeader:]
		spoofed := frame(mirrorMAC, mutClient, ipOf(n.server, n.client, layers.IPProtocolTCP, 64), &layers.TCP{SrcPort: 110, DstPort: 50000, ACK: true})[etherHeader:]
		padding := gopacket.Payload(nil)
		if !four {
			padding = []byte{0, 0, 5, 0x78}
		}
		add(frame(mutRouter, mirrorMAC, ipOf(n.server, n.gateway, icmp, 60), fault, append(padding, own...)), frame(mutClient, mirrorMAC, ipOf(n.client, n.server, icmp, 60), fault, append(padding, spoofed...)))
		// A super-frame, its checksum left open, as offload has them.
		super := offloaded(up(64, layers.IPProtocolTCP, ports(443, false), gopacket.Payload(make([]byte, 20_000))))
		super[0], super[1] = 1, 1
		header := 20
		if !four {
			super[1], header = 4, 40
		}
		binary.LittleEndian.PutUint16(super[2:], uint16(etherHeader+header+24))
		binary.LittleEndian.PutUint16(super[4:], 1400)
		binary.LittleEndian.PutUint16(super[6:], uint16(etherHeader+header))
		binary.LittleEndian.PutUint16(super[8:], 16)
		seeds = append(seeds, super)
	}
	options := ipv4(testnet.ClientIPv4, testnet.MailIPv4, layers.IPProtocolTCP)
	options.Options = []layers.IPv4Option{{OptionType: 94, OptionLength: 40, OptionData: make([]byte, 38)}}
	add(frame(mutClient, mirrorMAC, options, ports(110, true)))
	add(frame(mutClient, mirrorMAC, ipv6(testnet.ClientIPv6, testnet.MailIPv6, layers.IPProtocolIPv6HopByHop),
		gopacket.Payload(append([]byte{60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0}, make([]byte, 40)...))))
	group := net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}
	allNodes, local, any6 := netip.MustParseAddr("ff02::1"), netip.MustParseAddr("fe80::1"), netip.MustParseAddr("::")
	icmp6 := func(kind uint8) *layers.ICMPv6 {
		return &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(kind, 0)}
	}
	add(
		frame(mutRouter, group, ipOf(local, allNodes, layers.IPProtocolICMPv6, 255), icmp6(134), &layers.ICMPv6RouterAdvertisement{RouterLifetime: 1800, Options: layers.ICMPv6Options{{Type: 1, Data: mutRouter}, {Type: 3, Data: make([]byte, 30)}}}),
		frame(mutRouter, group, ipOf(local, allNodes, layers.IPProtocolICMPv6, 1), icmp6(130), gopacket.Payload(make([]byte, 20))),
		frame(mutClient, mirrorMAC, ipOf(testnet.ClientIPv6, testnet.GatewayIPv6, layers.IPProtocolICMPv6, 255), icmp6(135), &layers.ICMPv6NeighborSolicitation{TargetAddress: testnet.GatewayIPv6.AsSlice(), Options: layers.ICMPv6Options{{Type: 1, Data: mutClient}}}),
		frame(mutClient, group, ipOf(any6, allNodes, layers.IPProtocolICMPv6, 255), icmp6(135), &layers.ICMPv6NeighborSolicitation{TargetAddress: testnet.GatewayIPv6.AsSlice()}),
		frame(mutRouter, mirrorMAC, ipOf(local, testnet.GatewayIPv6, layers.IPProtocolICMPv6, 255), icmp6(136), &layers.ICMPv6NeighborAdvertisement{Flags: 0x60, TargetAddress: local.AsSlice(), Options: layers.ICMPv6Options{{Type: 2, Data: mutRouter}}}),
		frame(mutRouter, mirrorMAC, ipOf(local, testnet.GatewayIPv6, layers.IPProtocolICMPv6, 255), icmp6(137), &layers.ICMPv6Redirect{TargetAddress: local.AsSlice(), DestinationAddress: testnet.MailIPv6.AsSlice()}),
	)
	tagged := offloaded(frame(mutClient, mirrorMAC, ipOf(testnet.ClientIPv4, testnet.MailIPv4, layers.IPProtocolUDP, 64), udp(), words))
	copy(tagged[virtioHeader+12:], []byte{0x81, 0})
	return append(seeds, tagged)
}
