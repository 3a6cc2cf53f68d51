package tandem

import (
	"slices"
	"sync"
)

// ListenerToken stands for one registered listener.
type ListenerToken struct {
	remove func()
	once   sync.Once
}

// Remove ends the calls of the listener. A call on another goroutine may still be running when
// Remove returns. Removing twice is harmless.
func (t *ListenerToken) Remove() { t.once.Do(t.remove) }

// listeners are functions to be called with news. The zero value has none.
type listeners[News any] struct {
	mu  sync.Mutex
	all []*func(News)
}

// add registers fn; nil is none.
func (l *listeners[News]) add(fn func(News)) *ListenerToken {
	if fn == nil {
		return &ListenerToken{remove: func() {}}
	}
	entry := &fn
	l.mu.Lock()
	l.all = append(slices.Clone(l.all), entry)
	l.mu.Unlock()
	return &ListenerToken{remove: func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.all = slices.DeleteFunc(slices.Clone(l.all), func(e *func(News)) bool { return e == entry })
	}}
}

func (l *listeners[News]) none() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all) == 0
}

// call calls each listener, in the order in which they were added.
func (l *listeners[News]) call(news News) {
	l.mu.Lock()
	all := l.all
	l.mu.Unlock()
	for _, fn := range all {
		(*fn)(news)
	}
}
