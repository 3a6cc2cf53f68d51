package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// process is a peer in a process of its own. It is for one goroutine at a time.
type process struct {
	role    string
	command *exec.Cmd
	stdin   io.WriteCloser
	orders  *json.Encoder
	answers *json.Decoder
}

// stopTimeout is the longest time that a peer may take to end.
const stopTimeout = 20 * time.Second

// start starts a peer. Stop it.
func (l *lab) start(ctx context.Context, role string) (*process, error) {
	args := l.cfg.Peer[1:]
	if l.cfg.Profiles != "" {
		l.profiles++
		name := filepath.Join(l.cfg.Profiles, fmt.Sprintf("%s-%02d-%s", l.measuring, l.profiles, role))
		args = append(args[:len(args):len(args)], "--cpuprofile", name+".cpu.pprof", "--memprofile", name+".mem.pprof")
	}
	command := exec.CommandContext(ctx, l.cfg.Peer[0], args...)
	command.Stderr = os.Stderr
	command.WaitDelay = stopTimeout
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	return &process{
		role: role, command: command, stdin: stdin,
		orders: json.NewEncoder(stdin), answers: json.NewDecoder(stdout),
	}, nil
}

// stop ends the process in the regular way. On a nil process it does nothing.
func (p *process) stop() error {
	if p == nil {
		return nil
	}
	_ = p.stdin.Close() // it asks the process to end; Wait tells if it does not
	late := time.AfterFunc(stopTimeout, func() { _ = p.command.Process.Kill() })
	defer late.Stop()
	if err := p.command.Wait(); err != nil {
		return fmt.Errorf("%s: %w", p.role, err)
	}
	return nil
}

// call sends an order to the peer and returns the outcome.
func call[R any](p *process, do string, with any) (result R, err error) {
	text, err := json.Marshal(with)
	if err != nil {
		return result, err
	}
	if err := p.orders.Encode(order{Do: do, With: text}); err != nil {
		return result, fmt.Errorf("%s: %s: %w", p.role, do, err)
	}
	var o outcome
	if err := p.answers.Decode(&o); err != nil {
		return result, fmt.Errorf("%s: %s: the process has ended: %w", p.role, do, err)
	}
	if o.Err != "" {
		return result, fmt.Errorf("%s: %s: %s", p.role, do, o.Err)
	}
	return result, json.Unmarshal(o.Result, &result)
}
