package websocket

// turn is a mutex of channels. In simulated time (testing/synctest) the clock goes on while somebody
// waits for it, as it must where the owner waits for the network.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// Lock locks the turn.
func (t turn) Lock() { t <- struct{}{} }

// TryLock locks the turn if it is free, and reports whether it was.
func (t turn) TryLock() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}

// Unlock unlocks the turn.
func (t turn) Unlock() { <-t }
