package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"mirrorgw/scanner"
	"mirrorgw/scanner/quarantine"
)

// Bounds of a text in runes, in the list and where one mail is shown. What senders wrote is printable already when it is
// kept; here it is made so once more, since the folder may have been written to by others.
const (
	maxListed = 32
	maxShown  = 500
)

// listedItem is an item as `quarantine list --json` shows it.
type listedItem struct {
	ID       string            `json:"id"`
	Time     time.Time         `json:"time"`
	Client   string            `json:"client"`
	Server   string            `json:"server"`
	User     string            `json:"user"`
	From     string            `json:"from"`
	Subject  string            `json:"subject"`
	Size     int64             `json:"size"`
	SHA256   string            `json:"sha256"`
	Findings []scanner.Finding `json:"findings"`
}

func listed(items []quarantine.Item) []listedItem {
	list := make([]listedItem, len(items)) // not nil: an empty quarantine is []
	for i, item := range items {
		list[i] = listedItem{
			ID: item.ID, Time: item.Time, Client: item.Client, Server: item.Server, User: item.User, From: item.From,
			Subject: item.Subject, Size: item.Size, SHA256: item.SHA256, Findings: item.Findings,
		}
	}
	return list
}

// writeItems writes a table for people.
func writeItems(w io.Writer, items []quarantine.Item) error {
	if len(items) == 0 {
		_, err := fmt.Fprintln(w, "nothing is in quarantine")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tTIME\tUSER\tFROM\tSUBJECT\tSIZE\tWHY")
	for _, item := range items {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", item.ID, item.Time.Local().Format(time.DateTime), scanner.Printable(item.User, maxListed),
			scanner.Printable(item.From, maxListed), scanner.Printable(item.Subject, maxListed), item.Size, whyKept(&item))
	}
	return t.Flush()
}

// writeItem writes all fields of one item for people.
func writeItem(w io.Writer, item *quarantine.Item) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"id", item.ID},
		{"time", item.Time.Local().Format(time.RFC3339)},
		{"protocol", item.Protocol},
		{"client", item.Client},
		{"server", item.Server},
		{"user", item.User},
		{"from", item.From},
		{"subject", item.Subject},
		{"size", fmt.Sprint(item.Size)},
		{"sha256", item.SHA256},
		{"verdict", item.Verdict},
		{"cause", item.Cause},
		{"detail", item.Detail},
		{"release", string(item.Release)},
	} {
		fmt.Fprintf(t, "%s\t%s\n", row[0], scanner.Printable(row[1], maxShown))
	}
	if item.Flow > 0 {
		fmt.Fprintf(t, "flow\t%d octets of pcapng: quarantine export --bundle has them\n", item.Flow)
	}
	for _, f := range item.Findings {
		fmt.Fprintf(t, "finding\t%s\n", scanner.Printable(f.String(), maxShown))
	}
	for _, line := range item.Session {
		fmt.Fprintf(t, "session\t%s\n", scanner.Printable(line, maxShown))
	}
	return t.Flush()
}

// whyKept names the findings, or the cause where there are none.
func whyKept(item *quarantine.Item) string {
	if len(item.Findings) == 0 {
		return scanner.Printable(item.Cause, maxListed)
	}
	var words []string
	for i, f := range item.Findings {
		if i == maxNamed {
			words = append(words, fmt.Sprintf("and %d more", len(item.Findings)-maxNamed))
			break
		}
		words = append(words, scanner.Printable(f.String(), maxListed))
	}
	return strings.Join(words, " ")
}
