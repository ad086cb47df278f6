package transfer

import (
	"bytes"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// BenchmarkBase64 shows what a large attachment takes, in lines as mail programs fold them.
func BenchmarkBase64(b *testing.B) {
	raw := make([]byte, 57)
	_, _ = rand.NewChaCha8([32]byte{}).Read(raw) // never fails
	text := bytes.Repeat([]byte(base64.StdEncoding.EncodeToString(raw)+"\r\n"), 16<<10/78)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	d := NewBase64(io.Discard, Base64{})
	before := processorTime(b)
	for b.Loop() {
		_, _ = d.Write(text) // to where nothing fails
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N)/float64(len(text)), "cpu-ns/octet")
}

// processorTime returns what this process has had, which tells more than the clock on a machine that is shared.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
