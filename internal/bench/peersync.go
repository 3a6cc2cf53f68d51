package bench

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/tandemdb/tandem"
)

// noise returns bytes without end.
func noise() *rand.ChaCha8 { return rand.NewChaCha8([32]byte{7}) }

// listenArgs say how to listen.
type listenArgs struct{ ClearText bool }

// address is a listener's address and certificate.
type address struct{ URL, Fingerprint string }

// listen starts a listener on this machine alone, for as many clients as come.
func (p *peer) listen(_ context.Context, args listenArgs) (address, error) {
	listener, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
		Collections:              []*tandem.Collection{p.documents},
		NetworkInterface:         "127.0.0.1",
		DisableTLS:               args.ClearText,
		IdentityStore:            tandem.MemoryIdentityStore(),
		MaxConnections:           mostClients,
		MaxConnectionsPerAddress: mostClients,
	})
	if err != nil {
		return address{}, err
	}
	if err := listener.Start(); err != nil {
		return address{}, err
	}
	p.listener = listener
	at := address{URL: listener.URLs()[0]}
	if id := listener.TLSIdentity(); id != nil {
		at.Fingerprint = id.Fingerprint()
	}
	return at, nil
}

// syncArgs say what to replicate with.
type syncArgs struct {
	At   address
	Type tandem.ReplicatorType
}

func (args syncArgs) replicator(coll *tandem.Collection, continuous bool) (*tandem.Replicator, error) {
	endpoint, err := tandem.NewURLEndpoint(args.At.URL)
	if err != nil {
		return nil, err
	}
	return tandem.NewReplicator(tandem.ReplicatorConfiguration{
		Endpoint:                endpoint,
		Collections:             []tandem.CollectionConfiguration{{Collection: coll}},
		Type:                    args.Type,
		Continuous:              continuous,
		MaxAttempts:             1,
		PinnedServerFingerprint: args.At.Fingerprint,
	})
}

// synced is the result of a one-shot replication.
type synced struct {
	Seconds   float64
	Documents uint64
	Samples   []sample
}

// sampling is the interval between two samples of the progress.
const sampling = 25 * time.Millisecond

// sync replicates once, and watches how it goes.
func (p *peer) sync(ctx context.Context, args syncArgs) (synced, error) {
	replicator, err := args.replicator(p.documents, false)
	if err != nil {
		return synced{}, err
	}
	defer replicator.Close()
	ended := make(chan error, 1)
	begin := time.Now()
	if err := replicator.Start(); err != nil {
		return synced{}, err
	}
	go func() { ended <- replicator.Wait(ctx) }()
	var s synced
	ticks := time.NewTicker(sampling)
	defer ticks.Stop()
	for {
		select {
		case err := <-ended:
			s.take(replicator, begin, err == nil)
			return s, err
		case <-ticks.C:
			s.take(replicator, begin, false)
		}
	}
}

// take records a sample of the replicator's progress, also at the end.
func (s *synced) take(r *tandem.Replicator, begin time.Time, done bool) {
	s.Seconds = time.Since(begin).Seconds()
	progress := r.Status().Progress
	s.Documents = progress.Push.Documents + progress.Pull.Documents
	if done || len(s.Samples) < mostSamples {
		s.Samples = append(s.Samples, sample{Seconds: s.Seconds, Documents: s.Documents, Resident: residentBytes()})
	}
}

// mostSamples bounds what a replication that never ends would collect: an hour.
const mostSamples = int(time.Hour / sampling)
