package forwarder

// Tap is shown the frames of a queue once it is decided what becomes of them; capture.Tap fits. It borrows the frames and keeps
// nobody waiting. Every queue's loop calls it, several at once.
type Tap interface {
	// Active is asked once for a batch, and before what leaves without one. While it says no, nothing is shown.
	Active() bool
	// Frames shows what is punted, as received; what is forwarded, as it leaves; and what the forwarder sends by itself.
	Frames(own, intercept, forwarded, sent [][]byte)
}

// show lets the tap see the batch at hand.
func (q *queue) show() {
	if tap := q.f.tap; tap != nil && tap.Active() {
		tap.Frames(q.own, q.intercept, q.forwarded, q.errors)
	}
}

// showForwarded lets the tap see frames that are forwarded ahead of their batch.
func (q *queue) showForwarded(frames [][]byte) {
	if tap := q.f.tap; tap != nil && tap.Active() {
		tap.Frames(nil, nil, frames, nil)
	}
}

// writeOwn writes frames that leave without a batch, as write does, and lets the tap see them.
func (q *queue) writeOwn(frames [][]byte) int {
	if tap := q.f.tap; tap != nil && tap.Active() {
		tap.Frames(nil, nil, nil, frames)
	}
	return q.write(frames)
}
