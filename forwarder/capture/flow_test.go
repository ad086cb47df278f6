package capture

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"
)

func TestWriteFlow(t *testing.T) {
	at := time.Date(2026, 11, 22, 7, 0, 0, 123456789, time.UTC)
	frames := []FlowFrame{
		{Time: at, Length: 1514, Headers: bytes.Repeat([]byte{1}, 54)},
		{Time: at.Add(time.Microsecond), Server: true, Length: 65000, Headers: bytes.Repeat([]byte{2}, 67)},
		{Time: at.Add(time.Microsecond), Length: 60, Headers: bytes.Repeat([]byte{3}, 60)},
	}
	var file bytes.Buffer
	if err := WriteFlow(&file, frames, 7); err != nil {
		t.Fatal(err)
	}
	got, infos, r := read(t, file.Bytes())
	if len(got) != len(frames) || r.NInterfaces() != 2 {
		t.Fatalf("%d frames, %d interfaces", len(got), r.NInterfaces())
	}
	for i, f := range frames {
		leg := 0
		if f.Server {
			leg = 1
		}
		if info := infos[i]; !bytes.Equal(got[i], f.Headers) || !info.Timestamp.Equal(f.Time) || info.Length != f.Length || info.InterfaceIndex != leg {
			t.Errorf("frame %d: %+v, %x", i, info, got[i])
		}
	}
	for i, want := range []string{"client", "server"} {
		if leg, err := r.Interface(i); err != nil || leg.Name != want {
			t.Errorf("interface %d is %q, %v", i, leg.Name, err)
		}
	}
	if !bytes.Contains(file.Bytes(), []byte("The last 3 frames of a flow, after 7 others,")) {
		t.Error("the file does not say what it is")
	}
	file.Reset()
	if err := WriteFlow(&file, nil, 0); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := read(t, file.Bytes()); len(got) != 0 {
		t.Errorf("%d frames of none", len(got))
	}
}

func TestWriteFlowFails(t *testing.T) {
	if err := WriteFlow(io.Discard, []FlowFrame{{Length: 1, Headers: []byte{1, 2}}}, 0); err == nil {
		t.Error("a frame is shorter than its headers")
	}
	full := errors.New("full")
	if err := WriteFlow(failing{full}, nil, 0); !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
}

// failing takes nothing.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
