package unscanned

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// dayFile is what a file holds.
type dayFile struct {
	Day     string  `json:"day"`
	Entries []Entry `json:"entries"`
}

// writeLocked writes the day's file if something has changed. A failure is logged once, and tried again at the next call.
func (b *Book) writeLocked() {
	if !b.changed {
		return
	}
	list := make([]Entry, 0, len(b.entries))
	for _, e := range b.entries {
		list = append(list, *e)
	}
	slices.SortFunc(list, compare)
	err := replace(b.path(b.day), dayFile{b.day, list})
	if err == nil {
		b.changed, b.failing = false, false
		return
	}
	if !b.failing {
		b.log.Warn("what was not scanned cannot be written down; it is tried again", "error", err)
	}
	b.failing = true
}

// compare puts the most frequent first.
func compare(a, b Entry) int {
	return cmp.Or(
		cmp.Compare(b.Count, a.Count), strings.Compare(string(a.Reason), string(b.Reason)),
		a.Client.Compare(b.Client), a.Server.Compare(b.Server),
	)
}

// replace writes v as the file at path, whole or not at all.
func replace(path string, v any) (err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	fresh := path + ".new"
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return nil
}

// Read returns what was noted on a day, such as 2026-11-22, the most frequent first.
//
// Errors: fs.ErrNotExist when nothing was; what is wrong with the file.
func Read(folder, day string) ([]Entry, error) {
	if _, err := time.Parse(dayFormat, day); err != nil {
		return nil, fmt.Errorf("%q is not a day: write one such as 2026-11-22", day)
	}
	f, err := os.Open(filepath.Join(folder, day+".json"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, err
	}
	var file dayFile
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	if file.Day != day || len(file.Entries) > 2*maxEntries {
		return nil, fmt.Errorf("%s: it is not a file of that day", f.Name())
	}
	slices.SortFunc(file.Entries, compare)
	return file.Entries, nil
}

// Days returns the days that there is something of, the oldest first.
//
// Errors: what the system says about the folder; none when it is not there.
func Days(folder string) ([]string, error) {
	names, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := make(map[string]bool)
	for _, n := range names {
		day, ok := strings.CutSuffix(n.Name(), ".json")
		if _, err := time.Parse(dayFormat, day); ok && err == nil {
			found[day] = true
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}
