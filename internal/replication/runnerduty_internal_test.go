package replication

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/testsize"
)

// turns is a database whose duty is another node's for so many looks.
type turns struct {
	others int
	err    error // of the looks meanwhile
	lost   func()
}

func (*turns) IsShared() bool { return true }

func (t *turns) HoldDuty(_ context.Context, _ string, lost func()) (release func(), err error) {
	if t.others > 0 {
		t.others--
		return nil, t.err
	}
	t.lost = lost
	return func() {}, nil
}

// Work that a lost duty has ended is not done: a session returns nil when its context ends.
func TestALostDutyIsNoSuccess(t *testing.T) {
	for name, result := range map[string]error{"without an error": nil, "while it connects": context.Canceled} {
		t.Run(name, func(t *testing.T) {
			db := &turns{}
			work := func(ctx context.Context) (bool, error) {
				db.lost()
				<-ctx.Done()
				return true, result
			}
			good, err := duty{db: db}.do(t.Context(), func(error) {}, work)
			if !good || !errors.Is(err, errDutyLost) || !fault.IsTransient(err) {
				t.Errorf("got %v, %v, want an error that may pass", good, err)
			}
		})
	}
	good, err := duty{db: &turns{}}.do(t.Context(), func(error) {}, func(context.Context) (bool, error) { return true, nil })
	if !good || err != nil {
		t.Errorf("work to its end: got %v, %v", good, err)
	}
}

// A node that waits says why, once for each reason.
func TestANodeThatWaitsForItsTurnSaysWhy(t *testing.T) {
	away := fault.ConnectionRefused.Says("away")
	for name, x := range map[string]struct{ err, want error }{"another node": {nil, errOtherNode}, "no server": {away, away}} {
		t.Run(name, func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) {
				var told []error
				began := time.Now()
				d := duty{db: &turns{others: 3, err: x.err}, waits: true}
				good, err := d.do(t.Context(), func(err error) { told = append(told, err) }, func(context.Context) (bool, error) { return true, nil })
				if !good || err != nil || time.Since(began) != 3*dutyWait {
					t.Errorf("after %s: %v, %v", time.Since(began), good, err)
				}
				if len(told) != 1 || !errors.Is(told[0], x.want) {
					t.Errorf("the node says %v, want %v once", told, x.want)
				}
				d = duty{db: &turns{others: 1, err: x.err}}
				if _, err := d.do(t.Context(), nil, nil); !errors.Is(err, x.want) {
					t.Errorf("without waiting: %v, want %v", err, x.want)
				}
			})
		})
	}
}
