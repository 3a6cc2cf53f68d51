package replication

import "sync"

// inbox passes jobs from any goroutine to the one that owns a state. It has no limit of its own:
// incoming jobs answer the owner's messages, which are bounded.
type inbox struct {
	wake chan struct{} // capacity 1
	mail *mail
}

type mail struct {
	sync.Mutex
	jobs []func() error
}

func newInbox() inbox { return inbox{wake: make(chan struct{}, 1), mail: &mail{}} }

// put adds a job.
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

// handle runs the jobs in order until one fails. The remaining jobs stay in the inbox.
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
