package blip

import (
	"cmp"
	"errors"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// Compression decides when messages that allow it are deflated.
type Compression int

// The ways to compress.
const (
	// Adaptive compresses while deflating costs little compared with the time it saves: always
	// while the sender waits for the link, and for a small share of the time otherwise.
	Adaptive Compression = iota
	Always
	Never
)

// Config adjusts a [Conn]. Its zero value is ready to use.
type Config struct {
	// Handler receives incoming requests. It runs on the Conn's reader, in the order in which
	// requests are complete, and must not wait for anything that arrives on the same Conn. It may
	// answer later, from another goroutine. Nil answers every request with BLIP/404.
	Handler func(*Request)

	// InOrder selects profiles whose requests reach the Handler in the order of their numbers: a
	// complete request waits for earlier incomplete ones of these profiles. Nil selects no profile.
	InOrder func(profile string) bool

	// MaxMessage is the largest incoming message held in memory, in bytes; a larger one ends the
	// connection with code 1009. Bodies written to a Sink do not count. Zero means 64 MiB.
	MaxMessage int64

	// MaxBuffered limits the bytes that the peer makes a Conn hold at once: incomplete messages,
	// and requests from their arrival until their reply is sent. Exceeding it ends the connection
	// with code 1009. Zero means 256 MiB.
	MaxBuffered int64

	// ReplyTimeout ends the connection with [ErrTimeout] when a request has made no progress for
	// that long: no frame of it was sent, and no frame of its reply arrived. While other frames
	// arrive the limit is ten times as long, since the peer may first have to do other work. While
	// the peer receives a reply streamed from a BodyReader there is no limit. Zero means 2 minutes,
	// negative means never.
	ReplyTimeout time.Duration

	// CloseTimeout is how long Close waits for queued messages to be sent. Zero means 5 seconds.
	CloseTimeout time.Duration

	// Compression decides when to deflate. Level is the effort, from 1 (fast) to 9 (small); zero
	// means 1.
	Compression Compression
	Level       int
}

// Validate reports every setting that cannot work, so all are fixed at once.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fault.Invalid.In("configure BLIP", "").Says(format, args...))
		}
	}
	check(c.MaxMessage >= 0, "MaxMessage is %d, want 0 (64 MiB) or more", c.MaxMessage)
	check(c.MaxBuffered >= 0, "MaxBuffered is %d, want 0 (256 MiB) or more", c.MaxBuffered)
	check(c.CloseTimeout >= 0, "CloseTimeout is %v, want 0 (5 s) or more", c.CloseTimeout)
	check(c.Compression >= Adaptive && c.Compression <= Never, "Compression is %d, want 0 to 2", c.Compression)
	check(c.Level >= 0 && c.Level <= 9, "Level is %d, want 0 (for 1) to 9", c.Level)
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.Handler == nil {
		c.Handler = refuse
	}
	if c.InOrder == nil {
		c.InOrder = func(string) bool { return false }
	}
	c.MaxMessage = cmp.Or(c.MaxMessage, 64<<20)
	c.MaxBuffered = cmp.Or(c.MaxBuffered, 256<<20)
	c.ReplyTimeout = cmp.Or(c.ReplyTimeout, 2*time.Minute)
	c.CloseTimeout = cmp.Or(c.CloseTimeout, 5*time.Second)
	c.Level = cmp.Or(c.Level, 1)
	return c
}

func refuse(r *Request) { r.ReplyError(domainBLIP, codeNotFound, "no handler for "+r.Profile()) }
