package capture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// capturing runs a capture in the bubble until end, which returns the file and how Run ended.
func capturing(t *testing.T, tap *Tap, filter string) (end func() ([]byte, error)) {
	t.Helper()
	f, err := ParseFilter(filter)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- tap.Run(ctx, f, &file) }() // ends with end
	synctest.Wait()
	return func() ([]byte, error) {
		cancel()
		err := <-done
		return file.Bytes(), err
	}
}

// read reads a file with pcapgo, which must find nothing wrong.
func read(t *testing.T, file []byte) (frames [][]byte, infos []gopacket.CaptureInfo, r *pcapgo.NgReader) {
	t.Helper()
	r, err := pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.NgReaderOptions{ErrorOnMismatchingLinkType: true})
	if err != nil {
		t.Fatal(err)
	}
	for {
		b, info, err := r.ReadPacketData()
		if err == io.EOF {
			return frames, infos, r
		}
		if err != nil {
			t.Fatal(err)
		}
		frames, infos = append(frames, b), append(infos, info)
	}
}

// Each frame is in the file once, on its way's interface, in its order and with its time.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := New(nil)
		if tap.Active() {
			t.Error("active before anything")
		}
		frame := func(n int) []byte { return tcp4(t, n) }
		tap.Frames([][]byte{frame(0)}, nil, nil, nil) // before: nobody looks
		end := capturing(t, tap, "host 10.0.0.1")
		if !tap.Active() || tap.Counters().Running != 1 {
			t.Error("not active")
		}
		begun := time.Now()
		tap.Frames([][]byte{frame(1)}, [][]byte{frame(2), frame(3)}, [][]byte{frame(4)}, [][]byte{frame(5)})
		synctest.Wait()
		time.Sleep(time.Second) // of the bubble's clock
		w := tap.Writer(takes{})
		if n, err := w.WriteFrames([][]byte{frame(6), {1, 2, 3}}); n != 2 || err != nil {
			t.Errorf("the writer's answer became %d, %v", n, err)
		}
		file, err := end()
		if err != nil {
			t.Fatal(err)
		}
		if tap.Active() {
			t.Error("active after the last")
		}
		frames, infos, r := read(t, file)
		wantWays := []way{own, intercept, intercept, forwarded, sent, sent}
		if len(frames) != len(wantWays) {
			t.Fatalf("%d frames", len(frames))
		}
		for i, b := range frames {
			at := begun
			if i == 5 {
				at = begun.Add(time.Second)
			}
			if !bytes.Equal(b, frame(i + 1)[virtioLen:]) || infos[i].InterfaceIndex != int(wantWays[i]) || !infos[i].Timestamp.Equal(at) {
				t.Errorf("frame %d: %+v %x", i, infos[i], b)
			}
		}
		for w := range ways {
			about, err := r.Interface(int(w))
			if err != nil || about.Name != interfaces[w].name || about.LinkType != layers.LinkTypeEthernet || !strings.Contains(about.Filter, "host 10.0.0.1") {
				t.Errorf("interface %d: %+v, %v", w, about, err)
			}
		}
		if c := tap.Counters(); c != (Counters{Captures: 1, Frames: 6, Octets: 6 * 60}) {
			t.Errorf("%+v", c)
		}
	})
}

// takes takes every frame.
type takes struct{}

func (takes) WriteFrames(frames [][]byte) (int, error) { return len(frames), nil }

// What is captured is there at once, for whoever looks on.
func TestRunIsLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := New(nil)
		r, w := io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			err := tap.Run(ctx, Filter{}, w)
			w.Close()
			done <- err
		}() // ends with cancel
		var copied bytes.Buffer
		var s Summary
		copying := make(chan error, 1)
		go func() {
			var err error
			s, err = Copy(&copied, r)
			copying <- err
		}() // ends with the writer
		synctest.Wait()
		for i := range 3 {
			before := copied.Len()
			tap.Frames([][]byte{tcp4(t, i)}, nil, nil, nil)
			synctest.Wait()
			if copied.Len() <= before {
				t.Errorf("frame %d is held back", i)
			}
		}
		cancel()
		if err := errors.Join(<-done, <-copying); err != nil || s != (Summary{Frames: 3, Whole: true}) {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// A frame that finds the buffer full is dropped and counted, in the file too; nobody waits for the encoder.
func TestFullBufferDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := New(nil)
		w := &stuck{release: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- tap.Run(ctx, Filter{}, w) }() // ends with cancel, once w is released
		synctest.Wait()
		frame := tcp4(t, 60_000)
		batch := [][]byte{frame, frame, frame, frame}
		fits := uint64(bufferSize / (recordHeader + len(frame)))
		for range 100 { // the writer has not even taken the file's beginning
			tap.Frames(nil, batch, nil, nil)
		}
		tap.Frames([][]byte{tcp4(t, 0)}, nil, nil, nil) // small enough to find room
		if c := tap.Counters(); c.Dropped != 400-fits {
			t.Errorf("%d dropped, want %d", c.Dropped, 400-fits)
		}
		close(w.release)
		synctest.Wait()
		tap.Frames(nil, batch, nil, nil) // there is room again
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		s, err := Copy(&file, &w.Buffer)
		if want := (Summary{Frames: fits + 5, Dropped: 400 - fits, Whole: true}); s != want || err != nil {
			t.Errorf("%+v, %v, want %+v", s, err, want)
		}
		_, infos, r := read(t, file.Bytes())
		if uint64(len(infos)) != fits+5 {
			t.Errorf("%d frames", len(infos))
		}
		about, err := r.Interface(int(intercept))
		if err != nil || about.Statistics.PacketsDropped != 400-fits || about.Statistics.PacketsReceived != 404 {
			t.Errorf("%+v, %v", about.Statistics, err)
		}
	})
}

// stuck takes nothing until it is released.
type stuck struct {
	release chan struct{}
	bytes.Buffer
}

func (s *stuck) Write(b []byte) (int, error) {
	<-s.release
	return s.Buffer.Write(b)
}

func TestCapturesAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := New(nil)
		var ends []func() ([]byte, error)
		for range maxCaptures {
			ends = append(ends, capturing(t, tap, ""))
		}
		var none bytes.Buffer
		if err := tap.Run(t.Context(), Filter{}, &none); !errors.Is(err, ErrTooMany) || none.Len() != 0 {
			t.Errorf("%v, %d octets", err, none.Len())
		}
		tap.Frames([][]byte{tcp4(t, 0)}, nil, nil, nil)
		if _, err := ends[0](); err != nil {
			t.Error(err)
		}
		ends[0] = capturing(t, tap, "")
		for i, end := range ends {
			file, err := end()
			if err != nil {
				t.Error(err)
			}
			if frames, _, _ := read(t, file); (len(frames) == 1) != (i > 0) {
				t.Errorf("capture %d has %d frames", i, len(frames))
			}
		}
		if c := tap.Counters(); c.Running != 0 || c.Captures != maxCaptures+1 || c.Refused != 1 || tap.Active() {
			t.Errorf("%+v", c)
		}
	})
}

// A reader that goes away ends the capture.
func TestRunEndsWithItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := New(nil)
		r, w := io.Pipe()
		done := make(chan error, 1)
		go func() { done <- tap.Run(t.Context(), Filter{}, w) }() // ends with r
		if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		gone := errors.New("gone")
		r.CloseWithError(gone)
		if err := <-done; !errors.Is(err, gone) || tap.Active() {
			t.Errorf("%v, active %v", err, tap.Active())
		}
	})
}

// Whoever shows frames, the times in the file grow.
func TestTimesGrow(t *testing.T) {
	const by, each = 8, 2000
	now := func() time.Time {
		at := time.Now()
		runtime.Gosched() // others have their chance to be first
		return at
	}
	r := newRecording(Filter{}, now, new(atomic.Uint64), bufferSize)
	frame := tcp4(t, 0)
	var showing sync.WaitGroup
	for range by {
		showing.Go(func() {
			for range each {
				r.put(own, frame)
			}
		})
	}
	showing.Wait()
	n, last := 0, time.Duration(0)
	for b := r.swap(nil); len(b) > 0; n++ {
		var rec record
		rec, b = next(b)
		if rec.after < last {
			t.Fatalf("%v behind %v", rec.after, last)
		}
		last = rec.after
	}
	if n != by*each {
		t.Errorf("%d records", n)
	}
}

// What offload has left open is completed, as another implementation would have it.
func TestChecksumsAreCompleted(t *testing.T) {
	four, six := ip4("10.0.0.1", "192.0.2.5", layers.IPProtocolTCP), ip6("fd00::1", "2001:db8::1", layers.IPProtocolUDP)
	for _, c := range []struct {
		name   string
		frame  []byte
		start  int
		offset int
	}{
		{"TCP over IPv4", build(t, layers.EthernetTypeIPv4, four, tcpTo(t, four, 4000, 110), payload(33)), 34, 16},
		{"super-frame", tcp4(t, 50_000), 34, 16},
		{"UDP over IPv6", build(t, layers.EthernetTypeIPv6, six, udpTo(t, six, 1, 2), payload(12)), 54, 6},
		{"UDP that sums to zero", zeroUDP(t), 54, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			open := bytes.Clone(c.frame)
			at := virtioLen + c.start + c.offset
			// The pseudo header's sum is what the whole sum lacks.
			clear(open[at : at+2])
			full := ^binary.BigEndian.Uint16(c.frame[at:])
			rest := checksum(open[virtioLen+c.start:])
			pseudo := uint32(full) + uint32(^rest)
			binary.BigEndian.PutUint16(open[at:], uint16(pseudo&0xffff+pseudo>>16))
			open[0] = needsChecksum
			binary.LittleEndian.PutUint16(open[6:], uint16(c.start))
			binary.LittleEndian.PutUint16(open[8:], uint16(c.offset))
			complete(open)
			if !bytes.Equal(open[virtioLen:], c.frame[virtioLen:]) {
				t.Errorf("sum %x, want %x", open[at:at+2], c.frame[at:at+2])
			}
		})
	}
	broken := tcp4(t, 0)
	broken[0], broken[6] = needsChecksum, 200
	before := bytes.Clone(broken)
	if complete(broken); !bytes.Equal(broken, before) {
		t.Error("a header that points behind the frame was obeyed")
	}
}

// zeroUDP is a datagram whose sum is zero, which is sent as 0xffff.
func zeroUDP(t *testing.T) []byte {
	six := ip6("fd00::1", "2001:db8::1", layers.IPProtocolUDP)
	b := build(t, layers.EthernetTypeIPv6, six, udpTo(t, six, 1, 2), payload(2))
	sum := binary.BigEndian.Uint16(b[l3+40+6:])
	binary.BigEndian.PutUint16(b[l3+40+8:], sum)
	binary.BigEndian.PutUint16(b[l3+40+6:], 0xffff)
	return b
}

// Showing frames allocates nothing, with nobody looking, with filters that want none, and with a buffer that fills up.
func TestNoAllocation(t *testing.T) {
	frames := make([][]byte, 0, 20)
	for _, s := range samples(t) {
		frames = append(frames, s.frame)
	}
	for _, filter := range []string{"off", "punted", "host 10.9.9.9", "flow 10.0.0.1:4000 192.0.2.5:110"} {
		t.Run(filter, func(t *testing.T) {
			tap := New(nil)
			if filter != "off" {
				f, err := ParseFilter(filter)
				if err != nil {
					t.Fatal(err)
				}
				if err := tap.begin(newRecording(f, time.Now, &tap.totals.dropped, bufferSize)); err != nil {
					t.Fatal(err)
				}
			}
			w := tap.Writer(takes{})
			if n := testing.AllocsPerRun(1000, func() {
				tap.Frames(frames, frames, frames, frames)
				w.WriteFrames(frames)
			}); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func BenchmarkFrames(b *testing.B) {
	frame := tcp4(b, 1400)
	batch := make([][]byte, 64)
	for i := range batch {
		batch[i] = frame
	}
	for _, filter := range []string{"off", "host 10.9.9.9", "host 10.0.0.1"} {
		b.Run(filter, func(b *testing.B) {
			tap := New(nil)
			if filter != "off" {
				f, err := ParseFilter(filter)
				if err != nil {
					b.Fatal(err)
				}
				ctx, cancel := context.WithCancel(b.Context())
				done := make(chan error, 1)
				go func() { done <- tap.Run(ctx, f, io.Discard) }() // ends with cancel
				for !tap.Active() {
					select {
					case err := <-done:
						b.Fatal(err)
					default:
					}
				}
				defer func() { cancel(); <-done }()
			}
			b.ReportAllocs()
			for b.Loop() {
				if tap.Active() {
					tap.Frames(nil, nil, batch, nil)
				}
			}
			b.ReportMetric(float64(tap.Counters().Dropped)/float64(b.N), "dropped/op")
		})
	}
}
