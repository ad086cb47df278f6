package forwarder

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

const (
	batch         = 64        // frames read at once, at most
	batchOctets   = 128 << 10 // about as much is read at once; see nextBatch
	errorsInBatch = 16        // ICMP errors built at once; more are suppressed
	shortestPause = time.Millisecond
	longestPause  = time.Second
)

// queue is the loop of one port and the memory it works in, all of it made once.
type queue struct {
	f    *Forwarder
	host Host
	port Port
	out  sync.Mutex // held while the port is written to: the loop is not the only one

	turns atomic.Uint64 // see Forwarder.Turns

	bufs  [][]byte // batch of them, frameRoom each
	sizes []int
	next  int // how many of them the next batch may fill

	at     int    // the frame at hand
	packet packet // what parse saw in it
	now    time.Time
	tally  tally

	// What the batch comes to; each points into bufs, errors into errorBufs.
	forwarded, own, intercept, errors [][]byte
	errorBufs                         [errorsInBatch][errorRoom]byte

	pieces   [][]byte // fragments of the frame at hand; each points into pieceBuf
	pieceBuf []byte
}

func newQueue(f *Forwarder, host Host, port Port) *queue {
	q := &queue{
		f: f, host: host, port: port,
		bufs:      make([][]byte, batch),
		sizes:     make([]int, batch),
		next:      batch,
		forwarded: make([][]byte, 0, batch),
		own:       make([][]byte, 0, batch),
		intercept: make([][]byte, 0, batch),
		errors:    make([][]byte, 0, errorsInBatch),
		pieces:    make([][]byte, 0, batch),
		pieceBuf:  pieceMemory(f.mtu),
	}
	for i := range q.bufs {
		q.bufs[i] = make([]byte, frameRoom) // memory is used only as far as frames fill it
	}
	return q
}

// run reads batches until the port is closed or ctx ends.
func (q *queue) run(ctx context.Context) {
	pause := shortestPause
	for ctx.Err() == nil {
		n, err := q.port.ReadFrames(q.bufs[:q.next], q.sizes)
		q.turns.Add(1)
		n = min(n, q.next)
		q.handle(n)
		q.next = nextBatch(q.sizes[:max(0, n)])
		q.turns.Add(1)
		switch {
		case err == nil:
			pause = shortestPause
		case errors.Is(err, os.ErrClosed):
			return
		default:
			q.f.totals.readErrors.Add(1)
			if q.f.reads.allow(q.f.now()) {
				q.f.log.Warn("reading frames", slog.Any("error", err))
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, longestPause)
		}
	}
}

// nextBatch returns how many frames to read after frames of the given sizes. Whole batches of TCP superframes, 64 KiB each, would be
// gone from the core's cache by the time they are written.
func nextBatch(sizes []int) int {
	octets := 0
	for _, n := range sizes {
		octets += n
	}
	if octets == 0 {
		return batch
	}
	return min(max(batchOctets*len(sizes)/octets, 1), batch)
}

// handle decides about the first n frames of bufs and sends each where it belongs.
func (q *queue) handle(n int) {
	if n <= 0 {
		return
	}
	q.now = q.f.now()
	q.forwarded, q.own, q.intercept, q.errors = q.forwarded[:0], q.own[:0], q.intercept[:0], q.errors[:0]
	for i := 0; i < n; {
		i = q.decideFrom(i, n)
	}
	q.show()
	q.send()
	if len(q.own) > 0 {
		q.host.DeliverOwn(q.own)
	}
	if len(q.intercept) > 0 {
		q.host.DeliverIntercept(q.intercept)
	}
	q.f.totals.add(&q.tally)
}

// decideFrom carries out decisions about frames i to n-1 and returns where to go on: n, or the frame after one whose handling
// panicked.
func (q *queue) decideFrom(i, n int) (next int) {
	defer func() {
		if cause := recover(); cause != nil {
			q.tally.dropped[Panic]++
			if q.f.panics.allow(q.now) {
				q.f.log.Error("panic over a frame", slog.Any("cause", cause), slog.String("stack", string(debug.Stack())))
			}
			next = q.at + 1
		}
	}()
	for q.at = i; q.at < n; q.at++ {
		q.tally.received++
		frame := q.bufs[q.at][:q.sizes[q.at]]
		q.tally.receivedBytes += uint64(max(0, len(frame)-virtioLen))
		q.packet.parse(frame)
		q.carryOut(q.f.decide(&q.packet))
	}
	return n
}

// carryOut does what was decided about the packet at hand.
func (q *queue) carryOut(d decision) {
	p := &q.packet
	if p.fragment && p.protocol == protoTCP && d.fate != drop && !q.f.datagrams.passes(p, q.now) {
		d = dropped(TCPFragment)
	}
	if p.fragment && p.protocol != protoTCP && d.fate != drop && p.from.Is6() && q.f.datagrams.mixes(p, q.now) {
		d = dropped(TCPFragment)
	}
	if d.past != NotPast && p.opens() {
		q.pass(d.past)
	}
	switch d.fate {
	case forward:
		p.rewrite(d.mac, q.f.network.mac)
		q.forwarded = append(q.forwarded, p.raw)
		return
	case forwardSplit:
		q.split(d)
		return
	case puntOwn:
		if p.fragment && !q.f.fragments.allow(q.now) {
			q.tally.dropped[FragmentLimit]++
			return
		}
		if d.answer {
			q.f.neighbours.hear(d.station, d.mac, q.now)
		}
		if d.station.IsValid() {
			q.f.noteClaim(p, d, q.now)
		}
		q.own = append(q.own, p.raw)
		q.tally.own++
		q.tally.ownBytes += uint64(len(p.raw) - virtioLen)
		return
	case puntIntercept:
		if p.protocol == protoTCP && !q.admit(p) {
			q.tally.dropped[SYNLimit]++
			return
		}
		q.intercept = append(q.intercept, p.raw)
		q.tally.intercept++
		q.tally.interceptBytes += uint64(len(p.raw) - virtioLen)
		return
	}
	q.tally.dropped[d.reason]++
	switch d.reason {
	case TTLExpired:
		q.answer(p, p.timeExceeded())
	case TooBig:
		if p.asksForError() {
			q.answer(p, p.tooBig(q.f.mtu))
		}
	case Unresolved:
		if d.station.IsValid() {
			q.f.neighbours.want(d.station, q.now)
		}
	case TCPFragment:
		q.f.datagrams.forget(p, q.now)
	case Martian:
		q.f.noteClaim(p, d, q.now)
	case Redirect:
		q.f.noteRedirect(p, q.now)
	case RouterDiscovery:
		q.f.hearRouterDiscovery(p, q.now)
	case ForgedNeighbour:
		q.f.neighbours.doubt(d.station, q.now)
	}
}

// admit learns from a segment of an intercepted flow and says whether its client may send it now.
func (q *queue) admit(p *packet) bool {
	client := q.f.clients.learn(p.from, p.src)
	if p.opens() {
		return client.maySYN(q.now)
	}
	client.proceeds()
	return true
}

// answer has an ICMP error leave with the batch, where one is due and the limits allow it.
func (q *queue) answer(p *packet, e icmpError) {
	if !p.earnsError() {
		return
	}
	if len(q.errors) == errorsInBatch || !q.f.errors.allow(p.from, q.now) {
		q.tally.errorsHeld++
		return
	}
	b := q.errorBufs[len(q.errors)][:]
	if n := q.f.putError(b, p, e); n > 0 {
		q.errors = append(q.errors, b[:n])
	}
}

// send writes what leaves by this port.
func (q *queue) send() {
	q.sendForwarded()
	if len(q.errors) > 0 {
		q.tally.errorsSent += uint64(q.write(q.errors))
	}
}

// sendForwarded writes the frames that go on. What the device does not take is dropped; which frames these are it does not say, so
// their octets are counted as the batch's average.
func (q *queue) sendForwarded() {
	if total := len(q.forwarded); total > 0 {
		bytes := 0
		for _, b := range q.forwarded {
			bytes += len(b) - virtioLen
		}
		taken := q.write(q.forwarded)
		q.tally.forwarded += uint64(taken)
		q.tally.forwardedBytes += uint64(bytes * taken / total)
		q.tally.dropped[WriteError] += uint64(total - taken)
		q.forwarded = q.forwarded[:0]
	}
}

// write hands frames to the port and returns how many it took. Its error is what is not taken: dropped frames are counted, not
// logged.
func (q *queue) write(frames [][]byte) int {
	q.out.Lock()
	defer q.out.Unlock()
	taken, _ := q.port.WriteFrames(frames)
	return min(max(taken, 0), len(frames))
}
