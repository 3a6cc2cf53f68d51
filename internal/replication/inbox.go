package replication

import "sync"

// inbox hands work to the one goroutine that owns a state, from any other. It is never
// full: what comes in answers what the owner has sent, which is bounded.
type inbox struct {
	wake chan struct{} // capacity 1
	mail *mail
}

type mail struct {
	sync.Mutex
	jobs []func() error
}

func newInbox() inbox { return inbox{wake: make(chan struct{}, 1), mail: &mail{}} }

// put adds a job for the owner.
func (b inbox) put(job func() error) {
	b.mail.Lock()
	b.mail.jobs = append(b.mail.jobs, job)
	b.mail.Unlock()
	b.poke()
}

// poke wakes the owner.
func (b inbox) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b inbox) empty() bool {
	b.mail.Lock()
	defer b.mail.Unlock()
	return len(b.mail.jobs) == 0
}

// handle does the jobs that have come in, in their order, up to the first that fails. The others stay.
func (b inbox) handle() error {
	b.mail.Lock()
	jobs := b.mail.jobs
	b.mail.jobs = nil
	b.mail.Unlock()
	for i, job := range jobs {
		if err := job(); err != nil {
			b.mail.Lock()
			b.mail.jobs = append(jobs[i+1:len(jobs):len(jobs)], b.mail.jobs...)
			b.mail.Unlock()
			return err
		}
	}
	return nil
}
