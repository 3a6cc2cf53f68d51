package bliptest

import (
	"context"
	"testing"

	"github.com/tandemdb/tandem/blip"
)

// Peer is one side of a connection that sends and receives single frames on the test's command. Its
// methods fail the test if the pipe fails.
type Peer struct {
	t    testing.TB
	Pipe blip.Pipe
	enc  *blip.Encoder
	dec  *blip.Decoder
}

// NewPeer returns a peer on pipe.
func NewPeer(t testing.TB, pipe blip.Pipe) *Peer {
	p := &Peer{t: t, Pipe: pipe, enc: blip.NewEncoder(1), dec: blip.NewDecoder(1 << 30)}
	t.Cleanup(p.dec.Close)
	return p
}

// Send sends a frame with the right checksum, compressed if flags say so.
func (p *Peer) Send(number uint64, flags blip.Flags, body []byte) {
	p.t.Helper()
	if err := p.TrySend(number, flags, body); err != nil {
		p.t.Fatal(err)
	}
}

// SendMessage sends a whole message in one frame.
func (p *Peer) SendMessage(number uint64, flags blip.Flags, props blip.Properties, body string) {
	p.t.Helper()
	p.Send(number, flags, append(props.Append(nil), body...))
}

// SendRaw sends any bytes as a frame.
func (p *Peer) SendRaw(frame []byte) {
	p.t.Helper()
	if err := p.trySendRaw(frame); err != nil {
		p.t.Fatal(err)
	}
}

// TrySend is Send for a pipe that may have ended.
func (p *Peer) TrySend(number uint64, flags blip.Flags, body []byte) error {
	frame, err := p.enc.Append(nil, number, flags, body)
	if err != nil {
		return err
	}
	return p.trySendRaw(frame)
}

func (p *Peer) trySendRaw(frame []byte) error {
	ctx := context.Background()
	if err := p.Pipe.Write(ctx, frame); err != nil {
		return err
	}
	return p.Pipe.Flush(ctx)
}

// Receive returns the next frame, which it owns.
func (p *Peer) Receive() blip.Frame {
	p.t.Helper()
	f, err := p.TryReceive(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	return f
}

// TryReceive returns the next frame, or the error of the pipe.
func (p *Peer) TryReceive(ctx context.Context) (blip.Frame, error) {
	raw, err := p.Pipe.Read(ctx)
	if err != nil {
		return blip.Frame{}, err
	}
	f, err := p.dec.Decode(raw)
	if f.Body != nil {
		f.Body = append([]byte{}, f.Body...)
	}
	return f, err
}
