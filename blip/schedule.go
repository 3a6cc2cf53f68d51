package blip

// schedule orders outgoing messages. It takes them round robin, one frame at a time.
//
// Urgent messages alternate with normal ones, so that neither starve. Requests begin in the order
// in which they were added: the wire requires it of their numbers, and callers may rely on it. An
// urgent request therefore waits among the normal ones until the earlier ones have begun. Hence
// every unbegun request in the urgent lane is older than all in the normal lane.
type schedule struct {
	urgent, normal lane
	lastUrgent     bool // the last message taken was urgent
}

// add appends a new or continued message to its lane.
func (s *schedule) add(m *outgoing) {
	if m.urgent() && (!m.isNewRequest() || s.normal.newRequests == 0) {
		s.urgent.push(m)
		return
	}
	s.normal.push(m)
}

// take removes and returns the message with the next frame, or nil.
func (s *schedule) take() *outgoing {
	s.lastUrgent = s.prefersUrgent()
	if s.lastUrgent {
		return s.urgent.pop()
	}
	return s.normal.pop()
}

// peek returns the message that take would return.
func (s *schedule) peek() *outgoing {
	if s.prefersUrgent() {
		return s.urgent.front()
	}
	return s.normal.front()
}

func (s *schedule) prefersUrgent() bool {
	switch {
	case s.urgent.len() == 0:
		return false
	case s.normal.len() == 0 || !s.lastUrgent:
		return true
	default:
		return s.normal.front().isNewRequest() && s.urgent.newRequests > 0
	}
}

func (s *schedule) len() int { return s.urgent.len() + s.normal.len() }

// drain removes and returns all messages.
func (s *schedule) drain() []*outgoing {
	all := make([]*outgoing, 0, s.len())
	for s.len() > 0 {
		all = append(all, s.take())
	}
	return all
}

// lane is a first-in-first-out queue.
type lane struct {
	items       []*outgoing
	head        int
	newRequests int // number of unbegun requests in items
}

func (l *lane) len() int { return len(l.items) - l.head }

// front returns the next item, or nil.
func (l *lane) front() *outgoing {
	if l.len() == 0 {
		return nil
	}
	return l.items[l.head]
}

func (l *lane) push(m *outgoing) {
	if l.head > len(l.items)/2 && l.head > 32 {
		n := copy(l.items, l.items[l.head:])
		clear(l.items[n:])
		l.items, l.head = l.items[:n], 0
	}
	l.items = append(l.items, m)
	if m.isNewRequest() {
		l.newRequests++
	}
}

func (l *lane) pop() *outgoing {
	if l.len() == 0 {
		return nil
	}
	m := l.items[l.head]
	l.items[l.head] = nil
	if l.head++; l.head == len(l.items) {
		l.items, l.head = l.items[:0], 0
	}
	if m.isNewRequest() {
		l.newRequests--
	}
	return m
}
