package capture

import (
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// FlowFrame is one frame of an intercepted flow, of which the headers are left.
type FlowFrame struct {
	Time    time.Time
	Server  bool   // it passed on the leg with the server, not on that with the client
	Length  int    // octets of the whole frame
	Headers []byte // its first octets
}

// flowLegs are the interfaces of a flow's file: by Server, false first.
var flowLegs = [2]struct{ name, description string }{
	{"client", "between the client and the gateway, which answers as the server"},
	{"server", "between the gateway and the server"},
}

// WriteFlow writes to w, as pcapng, frames of one flow in their order. before says how many of its frames came before them.
//
// Errors: w's own; a frame with more headers than octets.
func WriteFlow(w io.Writer, frames []FlowFrame, before int) error {
	section := pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{
		Hardware: runtime.GOARCH, OS: runtime.GOOS, Application: "mirrorgw",
		Comment: fmt.Sprintf("The last %d frames of a flow, after %d others, cut behind their TCP header: what was said is not in it. Frames left to "+
			"segmentation offload are not cut into segments yet, and checksums left to offload are not completed.", len(frames), before),
	}}
	var file *pcapgo.NgWriter
	var err error
	for i, leg := range flowLegs {
		of := pcapgo.NgInterface{Name: leg.name, Description: leg.description, LinkType: layers.LinkTypeEthernet}
		if i == 0 {
			file, err = pcapgo.NewNgWriterInterface(w, of, section)
		} else {
			_, err = file.AddInterface(of)
		}
		if err != nil {
			return fmt.Errorf("writing a flow: %w", err)
		}
	}
	for _, f := range frames {
		info := gopacket.CaptureInfo{Timestamp: f.Time, CaptureLength: len(f.Headers), Length: f.Length}
		if f.Server {
			info.InterfaceIndex = 1
		}
		if err := file.WritePacket(info, f.Headers); err != nil {
			return fmt.Errorf("writing a flow: %w", err)
		}
	}
	if err := file.Flush(); err != nil {
		return fmt.Errorf("writing a flow: %w", err)
	}
	return nil
}
