package overlay

// Distance is how far the ring goes from one peer to another.
func Distance(from, to ID) uint64 { return ringPoint(to) - ringPoint(from) }

// Known returns the number of known peers.
func (o *Overlay) Known() int { return len(o.peers) }
