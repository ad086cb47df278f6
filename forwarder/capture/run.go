package capture

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// outputBuffer is how much is written at once where there is much to write.
const outputBuffer = 64 << 10

// interfaces are named by way.
var interfaces = [ways]struct{ name, description string }{
	own:       {"own", "received, for the gateway itself"},
	intercept: {"intercept", "received, of intercepted sessions"},
	forwarded: {"forwarded", "as they leave for their next hop"},
	sent:      {"sent", "sent by the gateway itself, to clients in the names of their servers too"},
}

const comment = "Frames as the gateway handled them: those left to segmentation offload are not cut into segments yet, " +
	"and checksums left to offload are completed. Holds the passwords and mail of captured sessions."

// Run writes to w, as pcapng, the frames f chooses from now on until ctx ends. What is captured is written at once.
//
// Errors: ErrTooMany, before anything is written; w's own.
func (t *Tap) Run(ctx context.Context, f Filter, w io.Writer) error {
	r := newRecording(f, t.now, &t.totals.dropped, bufferSize)
	if err := t.begin(r); err != nil {
		return err
	}
	defer t.end(r)
	e, err := newEncoder(r, w)
	if err != nil {
		return fmt.Errorf("writing a capture: %w", err)
	}
	empty := make([]byte, 0, bufferSize)
	for ended := false; !ended; {
		select {
		case <-r.wake:
		case <-ctx.Done():
			t.end(r)
			ended = true
		}
		filled := r.swap(empty)
		err := e.encode(filled, &t.totals)
		if err == nil && ended {
			err = e.statistics(t.now())
		}
		if err == nil {
			err = e.flush()
		}
		if err != nil {
			return fmt.Errorf("writing a capture: %w", err)
		}
		empty = filled
	}
	return nil
}

// encoder writes a recording as pcapng.
type encoder struct {
	r       *recording
	out     *bufio.Writer
	file    *pcapgo.NgWriter
	written [ways]uint64
}

// newEncoder writes the beginning of the file to w.
func newEncoder(r *recording, w io.Writer) (*encoder, error) {
	e := &encoder{r: r, out: bufio.NewWriterSize(w, outputBuffer)}
	section := pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{
		Hardware: runtime.GOARCH, OS: runtime.GOOS, Application: "mirrorgw", Comment: comment,
	}}
	for i, about := range interfaces {
		// The names of interfaces are bare, so that the same filter picks them in the file of any gateway.
		of := pcapgo.NgInterface{
			Name: about.name, Description: about.description, Filter: r.filter.String(),
			LinkType: layers.LinkTypeEthernet,
		}
		var err error
		if i == 0 {
			e.file, err = pcapgo.NewNgWriterInterface(e.out, of, section)
		} else {
			_, err = e.file.AddInterface(of)
		}
		if err != nil {
			return nil, err
		}
	}
	return e, e.flush()
}

func (e *encoder) flush() error {
	if err := e.file.Flush(); err != nil {
		return err
	}
	return e.out.Flush()
}

// encode writes the records of a buffer, in which it completes checksums.
func (e *encoder) encode(records []byte, totals *totals) error {
	for len(records) > 0 {
		var rec record
		rec, records = next(records)
		complete(rec.frame)
		frame := rec.frame[virtioLen:]
		info := gopacket.CaptureInfo{
			Timestamp: e.r.started.Add(rec.after), CaptureLength: len(frame), Length: len(frame), InterfaceIndex: int(rec.way),
		}
		if err := e.file.WritePacket(info, frame); err != nil {
			return err
		}
		e.written[rec.way]++
		totals.frames.Add(1)
		totals.octets.Add(uint64(len(frame)))
	}
	return nil
}

// statistics writes how many frames there were and how many of them are missing.
func (e *encoder) statistics(now time.Time) error {
	dropped := e.r.drops()
	for w := range ways {
		err := e.file.WriteInterfaceStats(int(w), pcapgo.NgInterfaceStatistics{
			LastUpdate: now, StartTime: e.r.started, EndTime: now,
			PacketsReceived: e.written[w] + dropped[w], PacketsDropped: dropped[w],
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// needsChecksum is the flag of a virtio header (virtio 1.2 section 5.1.6) that says that the transport checksum is left to whoever
// puts the frame on a wire: to be taken from csum_start to the end, and stored csum_offset behind csum_start, where the sum
// of the pseudo header is.
const needsChecksum = 1

// complete does so.
func complete(frame []byte) {
	if frame[0]&needsChecksum == 0 {
		return
	}
	start := virtioLen + int(binary.LittleEndian.Uint16(frame[6:]))
	at := start + int(binary.LittleEndian.Uint16(frame[8:]))
	if at+2 > len(frame) {
		return
	}
	sum := ^checksum(frame[start:])
	if sum == 0 {
		sum = 0xffff // zero says in UDP that there is no checksum (RFC 768); in TCP both are the same
	}
	binary.BigEndian.PutUint16(frame[at:], sum)
}

// checksum is the sum of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint64
	for ; len(b) >= 2; b = b[2:] {
		sum += uint64(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
