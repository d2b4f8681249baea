package embedded

import "context"

// Check checks the structure of the file, as kv.DB.Check does: nothing may write
// meanwhile.
func (s *Store) Check(ctx context.Context) error { return s.db.Check(ctx) }
