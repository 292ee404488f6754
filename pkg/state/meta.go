package state

// Schema is the version of the file's layout that this program writes. Older
// ones are migrated when they are opened for writing, see schema.go.
const Schema = 4

// Keys of the meta bucket. The store itself writes the first four; [Store.SetMeta]
// refuses those.
const (
	MetaTenant = "tenant" // lower-case subdomain, or as Options.Tenant says
	MetaSchema = "schema" // decimal [Schema]
	MetaSerial = "serial" // decimal; grows by one at each commit
	metaCounts = "counts" // JSON of [Counts]

	// MetaDigest is the digest of the manifest that last passed all checks.
	MetaDigest = "manifest-digest"
	// MetaChecked has what those checks found, and the first run of the manifest as it
	// was then: JSON, of the command line.
	MetaChecked = "manifest-checked"
	// MetaLists has the number of items that each list of each manifest had when the
	// manifest was last read as a whole: JSON, by the manifest's id and the list.
	MetaLists = "lists"
	// MetaExtrasDoubt has the ids of the manifests of which runs that the state does not
	// know may have made extras: JSON, a list.
	MetaExtrasDoubt = "extras-doubt"
	// MetaExternalIDKept is set once a create's answer carried our external ID
	// and a look-up found it: how long that took, in decimal milliseconds.
	MetaExternalIDKept = "external-id-kept"
	// MetaExternalIDFirst is the external ID of the first create on a tenant, noted
	// before it leaves; of use until MetaExternalIDKept is set.
	MetaExternalIDFirst = "external-id-first"
	// MetaExternalIDDropped is the id of the asset whose create lost our external ID.
	MetaExternalIDDropped = "external-id-dropped"
	// MetaPaces has how fast the last run went that measured it: JSON, for forecasts
	// alone.
	MetaPaces = "paces"
)

// metaKeys are all keys but metaCounts: what an export has of them.
var metaKeys = []string{
	MetaTenant, MetaSchema, MetaSerial, MetaDigest, MetaChecked, MetaLists, MetaExtrasDoubt, MetaExternalIDKept, MetaExternalIDFirst, MetaExternalIDDropped,
	MetaPaces,
}

// reserved reports whether only the store may write key.
func reserved(key string) bool {
	switch key {
	case MetaTenant, MetaSchema, MetaSerial, metaCounts:
		return true
	}
	return false
}
