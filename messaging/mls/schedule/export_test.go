package schedule

// Held returns how many ratchet secrets an Opening holds.
func Held(o *Opening) int { return len(o.secrets) }
