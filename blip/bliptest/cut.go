package bliptest

import (
	"context"
	"sync/atomic"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
)

// Cut returns a pipe that breaks when more than a number of frames are written to it.
func Cut(pipe blip.Pipe, frames int64) blip.Pipe {
	c := &cutPipe{Pipe: pipe}
	c.left.Store(frames)
	return c
}

type cutPipe struct {
	blip.Pipe
	left atomic.Int64
}

func (c *cutPipe) Write(ctx context.Context, frame []byte) error {
	if c.left.Add(-1) < 0 {
		_ = c.Abort()
		return fault.ConnectionLost
	}
	return c.Pipe.Write(ctx, frame)
}
