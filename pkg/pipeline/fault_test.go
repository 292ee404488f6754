package pipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// TestEachFaultAtEachOperation meets every kind of fault once at every
// operation of a run: none may cost an asset, make a second one, or end the run.
func TestEachFaultAtEachOperation(t *testing.T) {
	api := []emulator.Kind{
		emulator.KindStatus, emulator.KindStatusAfter, emulator.KindReset, emulator.KindLost, emulator.KindLate, emulator.KindDuplicate,
		emulator.KindTooMany, emulator.KindHTML, emulator.KindTruncated, emulator.KindCut, emulator.KindSlow, emulator.KindDelay,
	}
	kinds := map[string][]emulator.Kind{
		"getDivisions": api, "getTags": api, "getAssets": api, "postTags": api, "updateAsset": api,
		"postAssets":     api[:5], // without a duplicate delivery, which nobody can undo
		"postAssetFiles": append(api[:len(api):len(api)], emulator.KindNoURL),
		emulator.OpPut: {
			emulator.KindStatus, emulator.KindStatusAfter, emulator.KindReset, emulator.KindLost, emulator.KindSlow, emulator.KindDelay,
			emulator.KindExpired, emulator.KindResetMid,
		},
	}
	kinds["postAssets"] = append(kinds["postAssets"][:5:5], api[6:]...)
	for op, list := range kinds {
		for _, kind := range list {
			for nth := range 3 {
				t.Run(fmt.Sprintf("%s/%s/%d", op, kind, nth+1), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t, emulator.Options{ListLag: 500 * time.Millisecond, Processing: time.Second, Switches: emulator.Switches{DropTags: true}})
						w.options.SettleTime = 5 * time.Second
						w.many(4, tags("One", "Two"))
						f := emulator.Fault{Op: op, Kind: kind, Nth: nth + 1}
						if kind == emulator.KindLate || kind == emulator.KindDelay || kind == emulator.KindSlow {
							f.Delay = emulator.Duration(2 * time.Second)
						}
						w.tenant.Fail(f)
						w.mustRun(0)
						w.check()
						w.mustRun(0)
					})
				})
			}
		}
	}
}

func TestAnAssetThatCannotBeReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{ListLag: 3 * time.Second, Switches: emulator.Switches{ReadLag: emulator.Duration(3 * time.Second), DropTags: true}})
		w.options.SettleTime = 10 * time.Second
		w.many(10, tags("One"))
		w.mustRun(0)
		w.check()
	})
}

func TestASecretIsInNoEventAndNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.many(3)
		w.options.Retries = 1
		w.tenant.Fail(
			emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindStatus, Status: 403, Code: "AccessDenied", Count: -1},
			emulator.Fault{Op: "postAssets", Kind: emulator.KindStatus, Status: 400, Nth: 3},
		)
		w.mustRun(3)
		for _, e := range w.events {
			text := fmt.Sprintf("%+v", e)
			for _, secret := range []string{emulator.DefaultToken, "X-Amz-Signature", "X-Amz-Credential"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s is in %s", secret, text)
				}
			}
		}
	})
}
