package state

// Store is the state, open for writing by one process.
type Store struct{}
