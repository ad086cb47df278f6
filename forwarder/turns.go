package forwarder

// Turns returns a number for each queue's loop, nothing before Run: odd while it is at a batch of frames, even while it waits.
// A loop whose number is odd and has not changed for seconds hangs.
func (f *Forwarder) Turns() []uint64 {
	loops := f.loops.Load()
	if loops == nil {
		return nil
	}
	turns := make([]uint64, len(*loops))
	for i, q := range *loops {
		turns[i] = q.turns.Load()
	}
	return turns
}
