package manifest

// NotMoved is something that Showpad cannot take.
type NotMoved struct {
	What string `json:"what"` // as in "folders"
	Why  string `json:"why"`  // and what to do instead, in sentences; code stands in backticks
}

// CannotMove is what does not move, whatever a manifest says. The page
// docs/what-moves.md and the report of scan show this list.
func CannotMove() []NotMoved {
	return []NotMoved{
		{"folders", "Showpad has no folders for library content. Make tags of them."},
		{"experiences", "They are built in Showpad, of assets that have to be there first."},
		{"version history", "An asset begins with the version that is uploaded. Move old versions as items of their own if they matter."},
		{"source permissions", "Who sees an asset is decided by its Division and by Showpad's own roles. Choose `division:` by audience."},
		{"created dates, modified dates", "Showpad sets its own. Keep the old ones with `keep:`."},
		{"links inside documents", "Bytes are moved as they are. Use `mapping.csv` for redirects at the old place."},
	}
}
