package quarantine

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"mirrorgw/scanner"
)

// Item describes one mail in quarantine. It is stored as JSON beside the mail; the names are part of the public interface.
type Item struct {
	ID       string            `json:"id"`
	Time     time.Time         `json:"time"`     // when it was kept, UTC
	Protocol string            `json:"protocol"` // by which it was fetched
	Client   string            `json:"client"`   // ADDRESS:PORT of the workstation
	Server   string            `json:"server"`   // ADDRESS:PORT of the mail server
	User     string            `json:"user"`     // as the client gave it, made printable
	Mailbox  string            `json:"mailbox"`  // Mailbox of server and login; empty when that is not certain
	From     string            `json:"from"`     // decoded; like Subject and User one printable line
	Subject  string            `json:"subject"`
	Size     int64             `json:"size"`   // octets of the mail
	SHA256   string            `json:"sha256"` // of the mail, hexadecimal
	Verdict  string            `json:"verdict"`
	Cause    string            `json:"cause"`
	Detail   string            `json:"detail,omitempty"`
	Findings []scanner.Finding `json:"findings"`          // never null
	Session  []string          `json:"session,omitempty"` // what was said last in the session, see scanner.Transcript
	Flow     int64             `json:"flow,omitempty"`    // octets of Folder.Flow; 0: there is none
	Release  Release           `json:"release,omitempty"`
}

// compare orders items by time.
func (i Item) compare(j Item) int {
	if c := i.Time.Compare(j.Time); c != 0 {
		return c
	}
	return strings.Compare(i.ID, j.ID)
}

// maxUser bounds the user name, in runes.
const maxUser = 200

// maxUIDL bounds a unique-id, in runes. RFC 1939 section 7 has 70 octets.
const maxUIDL = 128

// maxSession bounds the lines of a session.
const maxSession = 100

// describe makes the stored description of a mail with flow octets of its flow.
func describe(id string, i scanner.Item, flow int) Item {
	findings := i.Verdict.Findings
	if findings == nil {
		findings = []scanner.Finding{}
	}
	var session []string
	if i.Origin.Transcript != nil {
		session = i.Origin.Transcript.Lines()
		session = session[:min(len(session), maxSession)]
	}
	return Item{
		ID:       id,
		Time:     i.Time.UTC().Truncate(time.Millisecond),
		Protocol: i.Origin.Protocol,
		Client:   i.Origin.Client.String(),
		Server:   i.Origin.Server.String(),
		User:     scanner.Printable(i.Origin.User, maxUser),
		Mailbox:  Mailbox(i.Origin.Server, i.Origin.Login),
		From:     i.Summary.From,
		Subject:  i.Summary.Subject,
		Size:     i.Verdict.Size,
		SHA256:   hex.EncodeToString(i.Verdict.SHA256[:]),
		Verdict:  i.Verdict.Class.String(),
		Cause:    string(i.Cause),
		Detail:   i.Verdict.Detail,
		Findings: findings,
		Session:  session,
		Flow:     int64(flow),
	}
}

// parse reads a stored description of the item id.
func parse(id string, text []byte) (Item, error) {
	var item Item
	if err := json.Unmarshal(text, &item); err != nil {
		return Item{}, fmt.Errorf("quarantine item %s: %w", id, err)
	}
	item.Release = "" // is said by marks
	if item.ID != id {
		return Item{}, fmt.Errorf("quarantine item %s: its description is of %q", id, item.ID)
	}
	if item.Findings == nil {
		item.Findings = []scanner.Finding{}
	}
	return item, nil
}

var (
	// ErrNotFound is returned for an ID that names no item, a malformed one included.
	ErrNotFound = errors.New("no such item in quarantine")

	// ErrInUse is returned by Open while another Store has the folder.
	ErrInUse = errors.New("quarantine is in use by another gateway")

	// ErrFull is returned by Keep when there is no room and nothing may be removed to make it.
	ErrFull = errors.New("quarantine is full and nothing in it is old enough to go")
)

// idLength is the length of an ID: 48 random bits, short enough to be read out over the telephone.
const idLength = 12

// isID reports whether s has the form of an ID.
func isID(s string) bool { return isHex(s, idLength) }

// isHex reports whether s is length lower-case hexadecimal digits.
func isHex(s string, length int) bool {
	if len(s) != length {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
