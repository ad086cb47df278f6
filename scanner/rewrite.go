package scanner

import "context"

// Edit is a run of octets of a mail and what takes its place.
type Edit struct {
	At, End int64   // in the mail: the first octet, and the one behind the last
	Text    *Buffer // it begins where a line does; at the end of a mail it ends in CRLF
}

// Rewriter changes mails that are delivered. scanner/neutral is one.
//
// Rewrite borrows mail until it returns, soon after ctx has ended. The edits are in the order in which they stand in the mail, and none
// overlaps another; their texts are the caller's. What cannot be changed is left as it is: a Rewriter never keeps a mail from being
// delivered.
type Rewriter interface {
	Rewrite(ctx context.Context, mail *Buffer) []Edit
}

// rewrite has a mail changed that is to be delivered, or tagged.
func (j *Judge) rewrite(ctx context.Context, r *Ruling, mail *Buffer, complete bool) {
	if j.rewriter == nil || !complete || r.Action != Deliver && r.Action != Tag {
		return
	}
	r.Edits = j.rewriter.Rewrite(ctx, mail)
	if len(r.Edits) > 0 {
		j.counted.rewritten.Add(1)
	}
}
