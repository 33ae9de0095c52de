//! From the configured targeting to a matcher; what is wrong with it is said by name.

use super::check::{Check, Countries, Hours, Words};
use super::pattern::Pattern;
use super::{Matcher, Rule};
use crate::caps::zone;
use crate::catalog::{Condition, Schedule, Targeting, VersionRange};
use crate::ids::AffiliateId;
use crate::visitor::{DeviceType, Language, Version};

/// A condition that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {word:?} is not {expected}")]
pub struct TargetingError {
    /// The property.
    pub rule: Rule,
    /// What was written.
    pub word: String,
    /// What it should have been.
    pub expected: &'static str,
}

impl TargetingError {
    fn new(rule: Rule, word: impl Into<String>, expected: &'static str) -> Self {
        Self {
            rule,
            word: word.into(),
            expected,
        }
    }
}

impl Matcher {
    /// Makes `targeting` ready, cheap checks first.
    ///
    /// # Errors
    /// [`TargetingError`] for a word that is none of its list, a version that is none, an unknown zone.
    pub fn compile(targeting: &Targeting, tenant_zone: &str) -> Result<Self, TargetingError> {
        let t = targeting;
        let plain = |condition: &Option<Condition>| words(condition, Pattern::exact);
        let stars = |condition: &Option<Condition>| words(condition, Pattern::with_stars);
        let fixed = [
            countries(&t.country)?,
            devices(&t.device)?,
            affiliates(&t.affiliate)?,
            languages(&t.language)?,
            range(&t.os_version, Rule::OsVersion)?.map(|(a, b)| Check::OsVersion(a, b)),
            range(&t.browser_version, Rule::BrowserVersion)?
                .map(|(a, b)| Check::BrowserVersion(a, b)),
            plain(&t.os).map(Check::Os),
            plain(&t.browser).map(Check::Browser),
            t.address.clone().map(Check::Address),
            stars(&t.source).map(Check::Source),
            stars(&t.region).map(Check::Region),
            stars(&t.city).map(Check::City),
            stars(&t.isp).map(Check::Isp),
            stars(&t.referrer).map(Check::Referrer),
            schedule(&t.schedule, tenant_zone)?,
        ];
        let mut checks: Vec<Check> = fixed.into_iter().flatten().collect();
        for (number, condition) in &t.sub {
            let index = number.parse::<u8>().ok().and_then(|n| n.checked_sub(1));
            let index = index.filter(|i| *i < 20);
            let index = index.ok_or_else(|| {
                TargetingError::new(Rule::Sub, number, "the number of a sub-id, 1 to 20")
            })?;
            let ready = words_of(condition, Pattern::with_stars);
            checks.push(Check::Sub(index, ready));
        }
        Ok(Self {
            checks: checks.into(),
            is_closed: false,
        })
    }
}

/// The words of a condition; a condition of two empty lists is none.
fn words(condition: &Option<Condition>, pattern: fn(&str) -> Pattern) -> Option<Words> {
    let condition = condition.as_ref().filter(|c| !is_empty(c))?;
    Some(words_of(condition, pattern))
}

fn words_of(condition: &Condition, pattern: fn(&str) -> Pattern) -> Words {
    let ready = |list: &[String]| list.iter().map(|word| pattern(word.trim())).collect();
    Words {
        include: ready(&condition.include),
        exclude: ready(&condition.exclude),
    }
}

fn is_empty(condition: &Condition) -> bool {
    condition.include.is_empty() && condition.exclude.is_empty()
}

/// Reads every word of a list.
fn each<T>(
    rule: Rule,
    list: &[String],
    expected: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, TargetingError> {
    list.iter()
        .map(|word| read(word.trim()).ok_or_else(|| TargetingError::new(rule, word, expected)))
        .collect()
}

fn countries(condition: &Option<Condition>) -> Result<Option<Check>, TargetingError> {
    let Some(condition) = condition.as_ref().filter(|c| !is_empty(c)) else {
        return Ok(None);
    };
    let read = |list: &[String]| {
        each(Rule::Country, list, "a country code such as DE", |word| {
            let code: [u8; 2] = word.as_bytes().try_into().ok()?;
            let is_code = code.iter().all(u8::is_ascii_alphabetic);
            is_code.then(|| code.map(|b| b.to_ascii_uppercase()))
        })
    };
    let (include, exclude) = (read(&condition.include)?, read(&condition.exclude)?);
    let all = (b'A'..=b'Z').flat_map(|a| (b'A'..=b'Z').map(move |b| [a, b]));
    let mut allowed = Countries::default();
    for code in all {
        let is_included = include.is_empty() || include.contains(&code);
        if is_included && !exclude.contains(&code) {
            allowed.insert(code);
        }
    }
    Ok(Some(Check::Country(Box::new(allowed))))
}

fn devices(condition: &Option<Condition>) -> Result<Option<Check>, TargetingError> {
    let Some(condition) = condition.as_ref().filter(|c| !is_empty(c)) else {
        return Ok(None);
    };
    let bits = |list: &[String]| {
        let kinds = each(Rule::Device, list, "a device type such as mobile", |word| {
            word.to_ascii_lowercase().parse::<DeviceType>().ok()
        })?;
        Ok(kinds.iter().fold(0u8, |bits, kind| bits | 1 << kind.code()))
    };
    let include = match &condition.include[..] {
        [] => u8::MAX,
        list => bits(list)?,
    };
    Ok(Some(Check::Device(include & !bits(&condition.exclude)?)))
}

fn affiliates(condition: &Option<Condition>) -> Result<Option<Check>, TargetingError> {
    let Some(condition) = condition.as_ref().filter(|c| !is_empty(c)) else {
        return Ok(None);
    };
    let numbers = |list: &[String]| {
        let ids = each(Rule::Affiliate, list, "the id of an affiliate", |word| {
            word.parse::<AffiliateId>().ok()
        })?;
        let mut numbers: Vec<u32> = ids.into_iter().map(AffiliateId::number).collect();
        numbers.sort_unstable();
        Ok::<_, TargetingError>(Box::from(numbers))
    };
    let include = match &condition.include[..] {
        [] => None,
        list => Some(numbers(list)?),
    };
    Ok(Some(Check::Affiliate {
        include,
        exclude: numbers(&condition.exclude)?,
    }))
}

fn languages(condition: &Option<Condition>) -> Result<Option<Check>, TargetingError> {
    let Some(condition) = condition.as_ref().filter(|c| !is_empty(c)) else {
        return Ok(None);
    };
    let tags = |list: &[String]| {
        let tags = each(Rule::Language, list, "a language tag such as en", |word| {
            Language::read_whole(word).map(|language| Box::from(language.as_str()))
        })?;
        Ok::<_, TargetingError>(Box::from(tags))
    };
    Ok(Some(Check::Language {
        include: tags(&condition.include)?,
        exclude: tags(&condition.exclude)?,
    }))
}

type Bounds = (Option<Version>, Option<Version>);

fn range(range: &Option<VersionRange>, rule: Rule) -> Result<Option<Bounds>, TargetingError> {
    let Some(range) = range else {
        return Ok(None);
    };
    let bound = |text: &Option<String>| {
        text.as_deref()
            .map(|text| {
                let text = text.trim();
                let is_whole = text.split('.').all(|part| part.parse::<u32>().is_ok());
                let version = Version::read(text).filter(|_| is_whole);
                version.ok_or_else(|| TargetingError::new(rule, text, "a version such as 12.1"))
            })
            .transpose()
    };
    let (min, max) = (bound(&range.min)?, bound(&range.max)?);
    Ok((min.is_some() || max.is_some()).then_some((min, max)))
}

fn schedule(
    schedule: &Option<Schedule>,
    tenant_zone: &str,
) -> Result<Option<Check>, TargetingError> {
    let Some(schedule) = schedule else {
        return Ok(None);
    };
    let name = schedule.timezone.as_deref().unwrap_or(tenant_zone);
    let zone = zone(name)
        .map_err(|_| TargetingError::new(Rule::Schedule, name, "a time zone of this build"))?;
    let mut open = Hours::default();
    for (day, hours) in &schedule.hours {
        for &hour in hours {
            if hour > 23 {
                let word = hour.to_string();
                return Err(TargetingError::new(
                    Rule::Schedule,
                    word,
                    "an hour, 0 to 23",
                ));
            }
            open.insert(day.code() - 1, hour);
        }
    }
    Ok(Some(Check::Schedule(open, zone)))
}
