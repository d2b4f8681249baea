package directory

// Waiting returns how many updates are queued, being evaluated, or being
// committed.
func (s *Sequencer) Waiting() int {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.queue.places
}
