package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// order is one line to a peer: a command with its arguments.
type order struct {
	Do   string          `json:"do"`
	With json.RawMessage `json:"with"`
}

// outcome is the peer's answer to an order, one line.
type outcome struct {
	Result json.RawMessage `json:"result,omitempty"`
	Err    string          `json:"err,omitempty"`
}

// handler executes one kind of order.
type handler func(ctx context.Context, with json.RawMessage) (any, error)

// handle adapts a method of peer to a handler.
func handle[A, R any](do func(context.Context, A) (R, error)) handler {
	return func(ctx context.Context, with json.RawMessage) (any, error) {
		var args A
		if err := json.Unmarshal(with, &args); err != nil {
			return nil, err
		}
		return do(ctx, args)
	}
}

// serve executes orders, one after the other, until in ends.
func serve(ctx context.Context, in io.Reader, out io.Writer, handlers map[string]handler) error {
	orders, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var o order
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read order: %w", err)
		}
		if err := answers.Encode(carryOut(ctx, o, handlers)); err != nil {
			return fmt.Errorf("answer order %s: %w", o.Do, err)
		}
	}
}

func carryOut(ctx context.Context, o order, handlers map[string]handler) outcome {
	do := handlers[o.Do]
	if do == nil {
		return outcome{Err: "unknown order"}
	}
	result, err := do(ctx, o.With)
	if err != nil {
		return outcome{Err: err.Error()}
	}
	text, err := json.Marshal(result)
	if err != nil {
		return outcome{Err: err.Error()}
	}
	return outcome{Result: text}
}
