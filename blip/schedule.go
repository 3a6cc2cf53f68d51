package blip

// schedule orders outgoing messages, and takes them round robin, a frame at a time.
//
// Urgent messages alternate with normal ones, so neither starve. Requests begin in the order in which they were
// added: the wire demands it of their numbers, and callers may rely on it. So an urgent request waits among the
// normal ones until those before it have begun, which makes every unbegun request in the urgent lane older than
// all in the normal one.
type schedule struct {
	urgent, normal lane
	lastUrgent     bool // the last one taken was urgent
}

// add puts a message to the end of its lane, a new one or one that goes on.
func (s *schedule) add(m *outgoing) {
	if m.urgent() && (!m.isNewRequest() || s.normal.newRequests == 0) {
		s.urgent.push(m)
		return
	}
	s.normal.push(m)
}

// take removes the message that has the next frame, or returns nil if there is none.
func (s *schedule) take() *outgoing {
	s.lastUrgent = s.prefersUrgent()
	if s.lastUrgent {
		return s.urgent.pop()
	}
	return s.normal.pop()
}

// peek returns the message that take would.
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

// drain removes and returns everything.
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
	newRequests int // among the items
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
