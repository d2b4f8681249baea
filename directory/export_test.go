package directory

// Waiting returns how many updates wait to be sequenced.
func Waiting(s *Sequencer) int {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return len(s.queue.waiting)
}
