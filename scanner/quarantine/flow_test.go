package quarantine

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mirrorgw/scanner"
)

// trace is a scanner.Trace with this in it.
type trace string

func (t trace) WritePcapng(w io.Writer) error {
	_, err := io.WriteString(w, string(t))
	return err
}

// tracedItem is newItem, of a flow with a trace.
func tracedItem(mail string, t scanner.Trace) scanner.Item {
	item := newItem(mail)
	item.Origin.Trace = t
	return item
}

func TestFlowIsKept(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	id, err := s.Keep(t.Context(), tracedItem(testMail, trace("the frames")), strings.NewReader(testMail))
	if err != nil {
		t.Fatal(err)
	}
	flow, err := At(dir).Flow(id)
	if err != nil || string(flow) != "the frames" {
		t.Errorf("%q, %v", flow, err)
	}
	item, err := s.Get(id)
	if err != nil || item.Flow != int64(len(flow)) {
		t.Errorf("%d octets, %v", item.Flow, err)
	}
	if info, err := os.Stat(filepath.Join(dir, id, flowName)); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if got := export(t, s.Folder, id); got != testMail {
		t.Errorf("mail %q", got)
	}
	if _, octets, err := s.Stat(); err != nil || octets != int64(len(testMail)+len(flow)) {
		t.Errorf("%d octets, %v", octets, err)
	}
	if err := s.Delete(id); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Flow(id); !errors.Is(err, ErrNotFound) {
		t.Errorf("error %v", err)
	}
}

// An item that was kept without a trace, as those of older versions were, is whole.
func TestItemWithoutFlow(t *testing.T) {
	s := openStore(t, t.TempDir())
	id := keep(t, s, testMail)
	if item, err := s.Get(id); err != nil || item.Flow != 0 {
		t.Errorf("%+v, %v", item, err)
	}
	if items, err := s.List(); err != nil || len(items) != 1 {
		t.Errorf("%d items, %v", len(items), err)
	}
	if got := names(t, filepath.Join(s.dir, id)); !slices.Equal(got, []string{itemName, mailName}) {
		t.Errorf("the item holds %q", got)
	}
	if _, err := s.Flow(id); err == nil || err.Error() != "quarantine item "+id+": flow.pcapng is missing" {
		t.Errorf("error %v", err)
	}
}

// What a flow takes counts as its mail does.
func TestFlowCountsForMax(t *testing.T) {
	s, err := Open(t.TempDir(), Config{Limits: Limits{Max: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mail, flow := strings.Repeat("x", 300), trace(strings.Repeat("y", 300))
	first, err := s.Keep(t.Context(), tracedItem(mail, flow), strings.NewReader(mail))
	if err != nil {
		t.Fatal(err)
	}
	fails := func() {
		t.Helper()
		if id, err := s.Keep(t.Context(), tracedItem(mail, flow), strings.NewReader(mail)); !errors.Is(err, ErrFull) {
			t.Errorf("id %q, error %v", id, err)
		}
	}
	fails()
	if err := s.SetLimits(Limits{Max: 1200}); err != nil {
		t.Fatal(err)
	}
	second, err := s.Keep(t.Context(), tracedItem(mail, flow), strings.NewReader(mail))
	if err != nil {
		t.Fatal(err)
	}
	fails()
	s.age(t, first, 2*MinKeep)
	third, err := s.Keep(t.Context(), tracedItem(mail, flow), strings.NewReader(mail))
	if got := listed(t, s.Folder, first, second, third); err != nil || got != "1 2" {
		t.Errorf("left are %s, %v", got, err)
	}
}

// brokenTrace cannot be written.
type brokenTrace struct{}

func (brokenTrace) WritePcapng(io.Writer) error { return errors.New("no ink") }

func TestFlowThatCannotBeWritten(t *testing.T) {
	s := openStore(t, t.TempDir())
	if id, err := s.Keep(t.Context(), tracedItem(testMail, brokenTrace{}), strings.NewReader(testMail)); id != "" || err == nil || !strings.Contains(err.Error(), "the flow: no ink") {
		t.Errorf("id %q, error %v", id, err)
	}
	if got := names(t, s.dir); !slices.Equal(got, []string{".allowed", ".lock", ".waiting"}) {
		t.Errorf("the folder holds %q", got)
	}
}
