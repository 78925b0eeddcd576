-- One reporting year's figures, as `borough/realism.py` explains; $from and $to are its first and last day.
with
    children as (
        select count(*) as n
        from alive
        where birth <= $to - interval 6 month and birth > $to - interval 18 year - interval 6 month
            and start <= $to - interval 6 month and finish > $to - interval 6 month
    ),
    referred as (
        select
            *,
            exists (
                select 1
                from referral as earlier
                where earlier.child_id = referral.child_id
                    and earlier.day < referral.day and earlier.day >= referral.day - interval 1 year
            ) as again
        from referral
        where day between $from and $to
    ),
    started as (select * from episode where day between $from and $to),
    ended as (select * from episode where finish between $from and $to),
    open as (select distinct child_id from episode where day <= $to and (finish > $to or finish is null)),
    assessed as (select * from assessment where finish between $from and $to)
select
    (select count(*) * 10000.0 / any_value(n) from referred, children) as referrals_per_10000,
    (select avg(again::int) * 100 from referred) as rereferral_percent,
    (select avg(closed::int) * 100 from referred) as referral_no_further_action_percent,
    (select count(*) filter (not in_need) * 100.0 / (select count(*) from referred) from started) as not_in_need_percent,
    (select count(*) * 10000.0 / any_value(n) from assessed, children) as assessments_per_10000,
    (select median(finish - day) * 5 / 7 from assessed) as assessment_median_days,
    (select count(*) * 10000.0 / any_value(n) from started, children) as cin_started_per_10000,
    (select count(*) * 10000.0 / any_value(n) from open, children) as cin_at_31_march_per_10000,
    (select avg((finish - day <= 91)::int) * 100 from ended) as cin_ended_within_3_months_percent,
    (select avg((disability != 'NONE')::int) * 100 from child join open using (child_id)) as cin_disability_percent,
    (select avg((source in ('2A', '2B'))::int) * 100 from referred) as referral_from_schools_percent,
    (select avg((source like '3%')::int) * 100 from referred) as referral_from_health_percent,
    (select avg((source = '6')::int) * 100 from referred) as referral_from_police_percent
