package outbox

// Size is how much the outbox remembers: its items, and what stands in its queues.
func (o *Outbox) Size() int {
	n := o.total() + len(o.newest) + len(o.held) + len(o.parts) + len(o.echo.young) + len(o.echo.old)
	for _, queue := range [][]*Item{o.noted, o.queued, o.wanted, o.arrived, o.touching, o.barred, o.leaving} {
		n += len(queue)
	}
	return n
}

// Held is how many items wait for the pull.
func (o *Outbox) Held() int { return o.in[Held] }

// Moves are the moves that are drawn.
func Moves() map[State][]State {
	all := make(map[State][]State)
	for from, to := range moves {
		all[State(from)] = to
	}
	return all
}
