package replication_test

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/testsize"
)

// network is one without peers: every attempt to connect fails with err.
type network struct {
	err   error
	dials []time.Time
}

func (n *network) dial(context.Context) (blip.Pipe, string, error) {
	n.dials = append(n.dials, time.Now())
	return nil, "", n.err
}

// gaps are the times between the dials.
func (n *network) gaps() (all []time.Duration) {
	for i := range len(n.dials) - 1 {
		all = append(all, n.dials[i+1].Sub(n.dials[i]))
	}
	return all
}

func wantGaps(t *testing.T, got []time.Duration, want ...time.Duration) {
	t.Helper()
	ok := len(got) == len(want)
	for i := range min(len(got), len(want)) {
		ok = ok && got[i] >= want[i] && got[i] <= want[i]+want[i]/20+1
	}
	if !ok {
		t.Errorf("gaps between attempts are %v, want %v and up to a twentieth more", got, want)
	}
}

func seconds(n ...time.Duration) (all []time.Duration) {
	for _, n := range n {
		all = append(all, n*time.Second)
	}
	return all
}

func TestARunnerWaitsLongerAndLonger(t *testing.T) {
	for name, x := range map[string]struct {
		continuous bool
		retry      replication.Retry
		want       []time.Duration
	}{
		"one-shot: ten attempts": {want: seconds(2, 4, 8, 16, 32, 64, 128, 256, 300)},
		"a lower cap":            {retry: replication.Retry{MaxWait: 10 * time.Second}, want: seconds(2, 4, 8, 10, 10, 10, 10, 10, 10)},
		"fewer attempts":         {continuous: true, retry: replication.Retry{MaxAttempts: 4}, want: seconds(2, 4, 8)},
		"one attempt":            {retry: replication.Retry{MaxAttempts: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) {
				n := &network{err: fault.ConnectionRefused}
				cfg := replication.Active{Continuous: x.continuous}
				err := replication.NewRunner(cfg, n.dial, x.retry, nil).Run(t.Context())
				if !errors.Is(err, fault.ConnectionRefused) {
					t.Errorf("it ends with %v, want connection refused", err)
				}
				wantGaps(t, n.gaps(), x.want...)
			})
		})
	}
}

func TestAContinuousRunnerNeverGivesUp(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		n := &network{err: fault.ConnectionRefused}
		var r *replication.Runner
		var offline []replication.Status
		r = replication.NewRunner(replication.Active{Continuous: true}, n.dial, replication.Retry{}, func() {
			if r == nil {
				return
			}
			if s := r.Status(); s.Activity == replication.Offline {
				offline = append(offline, s)
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		if err := r.Run(ctx); err != nil {
			t.Errorf("stopping gives %v", err)
		}
		if n := len(n.dials); n < 270 || n > 300 {
			t.Errorf("%d attempts in a day, want one every 300 s or a little more", n)
		}
		for i, s := range offline {
			if s.Attempt != i+1 || !errors.Is(s.Err, fault.ConnectionRefused) || !s.NextRetry.After(n.dials[i]) {
				t.Fatalf("the status after %d attempts is %+v", i+1, s)
			}
		}
	})
}

func TestARunnerRetriesWhatMayPass(t *testing.T) {
	const never, continuous, always = 0, 1, 2
	for name, x := range map[string]struct {
		err    error
		strict bool
		want   int
	}{
		"refused":            {err: fault.ConnectionRefused, want: always},
		"reset":              {err: fault.ConnectionReset, want: always},
		"aborted":            {err: fault.ConnectionAborted, want: always},
		"network reset":      {err: fault.NetworkReset, want: always},
		"timeout":            {err: fault.Timeout, want: always},
		"DNS":                {err: fault.DNSFailure, want: always},
		"ECONNREFUSED":       {err: fault.New(fault.POSIX, int(syscall.ECONNREFUSED), ""), want: always},
		"ETIMEDOUT":          {err: fault.New(fault.POSIX, int(syscall.ETIMEDOUT), ""), want: always},
		"408":                {err: fault.New(fault.WebSocket, 408, ""), want: always},
		"429":                {err: fault.New(fault.WebSocket, 429, ""), want: always},
		"502":                {err: fault.New(fault.WebSocket, 502, ""), want: always},
		"503":                {err: fault.New(fault.WebSocket, 503, ""), want: always},
		"504":                {err: fault.New(fault.WebSocket, 504, ""), want: always},
		"1006":               {err: fault.ConnectionLost, want: always},
		"4001":               {err: fault.New(fault.WebSocket, 4001, ""), want: always},
		"unknown host":       {err: fault.UnknownHost, want: continuous},
		"network down":       {err: fault.NetworkDown, want: continuous},
		"host unreachable":   {err: fault.HostUnreachable, want: continuous},
		"unknown interface":  {err: fault.UnknownInterface, want: continuous},
		"1001":               {err: fault.PeerClosed, want: continuous},
		"1001 strictly":      {err: fault.PeerClosed, strict: true, want: never},
		"401":                {err: fault.Unauthorized, want: never},
		"403":                {err: fault.Forbidden, want: never},
		"404":                {err: fault.NotFoundRemotely, want: never},
		"500":                {err: fault.New(fault.WebSocket, 500, ""), want: never},
		"400":                {err: fault.New(fault.WebSocket, 400, ""), want: never},
		"hung up":            {err: fault.New(fault.WebSocket, 400, "").Because(io.EOF), want: continuous},
		"hung up in TLS":     {err: fault.TLSHandshake.Because(io.ErrUnexpectedEOF), want: continuous},
		"hung up, strictly":  {err: fault.New(fault.WebSocket, 400, "").Because(io.EOF), strict: true, want: never},
		"certificate":        {err: fault.CertUnknownRoot, want: never},
		"handshake":          {err: fault.TLSHandshake, want: never},
		"an unknown mistake": {err: errors.New("boom"), want: never},
	} {
		t.Run(name, func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) {
				for kind, least := range map[bool]int{false: always, true: continuous} {
					n := &network{err: x.err}
					cfg := replication.Active{Continuous: kind}
					retry := replication.Retry{MaxAttempts: 2, StrictClose: x.strict}
					err := replication.NewRunner(cfg, n.dial, retry, nil).Run(t.Context())
					if !errors.Is(err, x.err) {
						t.Errorf("continuous %t: it ends with %v, want %v", kind, err, x.err)
					}
					if retried := len(n.dials) == 2; retried != (x.want >= least) {
						t.Errorf("continuous %t: %d attempts", kind, len(n.dials))
					}
				}
			})
		})
	}
}

func TestRetryNowEndsTheWait(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		n := &network{err: fault.ConnectionRefused}
		r := replication.NewRunner(replication.Active{Continuous: true}, n.dial, replication.Retry{}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		for range 5 {
			synctest.Wait()
			r.RetryNow()
		}
		synctest.Wait()
		if len(n.dials) != 6 || n.dials[5] != n.dials[0] {
			t.Errorf("attempts at %v, want six at once", n.dials)
		}
		steps := r.Steps()
		if len(steps) != 12 || steps[0].Activity != replication.Connecting || steps[1].Activity != replication.Offline {
			t.Errorf("steps %+v, want six times connecting and offline", steps)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("stopping gives %v", err)
		}
	})
}
