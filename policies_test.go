package mirrorgw_test

import (
	"testing"

	"mirrorgw/scanner"
)

// policies names, for each cause and each action of scan.policy, and for what else a configuration or an administrator decides about
// mails, the tests that fail when it is broken, as pitfalls does.
const policies = `
infected    forwarder/pop3 TestPolicies scanner TestJudge TestPolicy TestShadow
encrypted   forwarder/pop3 TestPolicies scanner TestExpect
oversize    forwarder/pop3 TestPolicies scanner TestJudge TestLimits TestIncompleteMailIsOversize
partial     forwarder/pop3 TestPolicies scanner TestJudge TestPolicy
malformed   forwarder/pop3 TestPolicies scanner TestJudge TestPolicy
budget      forwarder/pop3 TestPolicies scanner TestPolicy TestLimits
error       forwarder/pop3 TestPolicies scanner TestJudge TestEscalation TestOnlyRefusalsEscalate TestMailsWithoutADigestDoNotEscalate
deliver     forwarder/pop3 TestPolicies p24-sizes
tag         forwarder/pop3 TestPolicies p25-tag TestRulingsThatCannotBeCarriedOut scanner TestJudge TestVerdictField
replace     forwarder/pop3 TestPolicies p23-replace TestRulingsThatCannotBeCarriedOut scanner TestJudge TestFullQuarantineRefuses
retry       forwarder/pop3 TestPolicies p32-retry p31-dele-withheld
shadow      forwarder/pop3 TestPolicies TestShadowDeliversWhatCannotBeHeld scanner TestShadow TestShadowRefusesNothing
several     scanner TestPolicy TestJudge
defaults    cmd/mirrorgw/config TestMinimalFileIsTheDefaults TestReadmeTellsTheTruth
in_words    cmd/mirrorgw/config TestEveryPolicyIsReadAndShown TestEveryPolicyIsWarnedOf TestWarnings
keep_rest   scanner TestKeepRest TestWholeMailIsReplaced TestKeepRestOfTenParts TestRestThatCannotBeJudged TestKeptRestIsInTheQuota forwarder/pop3 TestRulingIsClosed TestNoticeGoesOnFromWhatHasLeft
pad         forwarder/pop3 p24-pad p24-pad-short p24-pad-drip g6-edit-pad i3-mark-pad TestPadding
changes     forwarder/pop3 g6-edit i3-mark TestToWire TestWhatHasLeftIsNotChanged
released    forwarder/pop3 released-all released-two released-rset released-last released-quit-refused released-stuck released-unreadable scanner TestReleasedMailIsDelivered forwarder/pop3 TestIdentity TestNaming TestStufferIsRead TestReleasedAreBounded
retries     scanner TestRetriesSurviveRestarts TestEscalationAcrossRestart TestForgottenEntriesStayForgotten TestDamagedJournal TestEscalationTableIsBounded
bypass      forwarder TestBypass cmd/mirrorgw/gateway TestBypassIntake cmd/mirrorgw TestBypass
watchdog    cmd/mirrorgw/gateway TestWatchdogIntake TestJudgements TestOnlyAVerdictIsProgress TestRefusalIsAboveForwarding cmd/mirrorgw TestWatchdogInTheLab
cache       scanner TestSameContentIsJudgedOnce TestOtherContentIsJudgedAnew TestOnlyFactsAreRemembered TestVerdictsAreForgotten TestCacheIsBounded
`

// A cause or an action without a test is one that nobody holds.
func TestEveryPolicyHasItsTest(t *testing.T) {
	seen := checkRows(t, policies, "forwarder/pop3")
	for cause := range scanner.DefaultPolicy() {
		if !seen[string(cause)] {
			t.Errorf("cause %s is missing", cause)
		}
	}
	for _, action := range []scanner.Action{scanner.Deliver, scanner.Tag, scanner.Replace, scanner.Retry} {
		if !seen[action.String()] {
			t.Errorf("action %s is missing", action)
		}
	}
}
