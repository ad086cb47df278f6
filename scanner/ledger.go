package scanner

import "time"

// Ledger takes note of mails that are handed over, as they came or tagged. scanner/quarantine's History is one.
//
// Delivered is called before the mail leaves, and does not wait for a disk.
type Ledger interface {
	Delivered(at time.Time, o Origin, v Verdict)
}

// note tells the ledger of a ruling by which the client gets the mail.
func (j *Judge) note(o Origin, r Ruling) {
	if j.ledger != nil && (r.Action == Deliver || r.Action == Tag) {
		j.ledger.Delivered(j.now(), o, r.Verdict)
	}
}
