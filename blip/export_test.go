package blip

// Pending holds the numbers of requests, as a connection does.
type Pending struct{ pending }

// Add adds a request with a number.
func (p *Pending) Add(number uint64) { p.add(&outgoing{number: number}) }

// Has reports whether the request with a number is there.
func (p *Pending) Has(number uint64) bool { return p.get(number) != nil }

// Remove removes the request with a number.
func (p *Pending) Remove(number uint64) { p.remove(number) }

// All lists the numbers of all requests.
func (p *Pending) All() (numbers []uint64) {
	for o := range p.all() {
		numbers = append(numbers, o.number)
	}
	return numbers
}

// Places returns how many places for recent requests there are.
func (p *Pending) Places() int { return len(p.recent) }
