package pipeline_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func TestTokensThatExpireInMidRunAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Processing: 20 * time.Second, OAuth: emulator.OAuth{AccessLife: 6 * time.Second}})
		w.many(60)
		// A slow service: the run outlives several tokens.
		w.tenant.Fail(emulator.Fault{Op: "postAssetFiles", Count: -1, Kind: emulator.KindDelay, Delay: emulator.Duration(time.Second)})
		_, v3 := w.tenant.URLs()
		src, err := showpad.Refresh(showpad.OAuth{
			TokenURL: v3.String() + "/oauth2/token", ClientID: emulator.DefaultClientID, ClientSecret: emulator.DefaultClientSecret, Transport: w.tenant,
		}, emulator.DefaultRefreshToken)
		if err != nil {
			t.Fatal(err)
		}
		w.configure = func(c *showpad.Config) { c.Token = src }
		expired := 0
		w.observe = func(e pipeline.Event) {
			// One dies before its time, too: a 401 in the middle is survived.
			if s, ok := e.(pipeline.Stage); ok && s.Stage == "transfer" && s.ExternalID == "A05" {
				expired++
				w.tenant.ExpireAccess()
			}
		}
		begin := time.Now()
		w.mustRun(0)
		w.check()
		if d := time.Since(begin); d < 12*time.Second || expired != 1 {
			t.Errorf("the run took %s and %d token died early: it proves nothing", d, expired)
		}
		if n := w.tenant.Books().DeadRefreshTokens; n > 0 {
			t.Errorf("a refresh token was used %d times too often", n)
		}
	})
}
