-- The target as the app's own migrations leave it: only what media touches.
-- public.media has no unique key but its primary key, no other index and no check: exactly as in production.

create schema if not exists auth;

create table if not exists auth.users (
    id uuid primary key,
    email text unique,
    raw_user_meta_data jsonb not null default '{}'::jsonb,
    created_at timestamptz not null default now()
);

do $$ begin
    create type public.user_role as enum ('customer', 'stylist', 'admin');
exception when duplicate_object then null; end $$;

do $$ begin
    create type public.media_type as enum (
        'avatar', 'service_image', 'review_image', 'chat_image', 'application_image',
        'landing_asset', 'logo_asset', 'booking_note_image', 'other'
    );
exception when duplicate_object then null; end $$;

create table if not exists public.profiles (
    id uuid primary key references auth.users (id) on delete cascade,
    full_name text,
    email text unique,
    phone_number text,
    role public.user_role not null default 'customer',
    created_at timestamptz not null default now()
);

create table if not exists public.services (
    id uuid primary key default gen_random_uuid(),
    created_at timestamptz not null default now(),
    stylist_id uuid not null references public.profiles (id) on delete cascade,
    title text not null,
    description text,
    price numeric(10, 2) not null,
    currency text not null default 'NOK',
    duration_minutes integer not null,
    is_published boolean not null default false
);

create table if not exists public.applications (
    id uuid primary key default gen_random_uuid(),
    created_at timestamptz not null default now(),
    user_id uuid not null references public.profiles (id) on delete cascade
);

create table if not exists public.bookings (
    id uuid primary key default gen_random_uuid(),
    created_at timestamptz not null default now(),
    customer_id uuid not null references public.profiles (id) on delete cascade,
    stylist_id uuid not null references public.profiles (id) on delete cascade
);

create table if not exists public.reviews (
    id uuid primary key default gen_random_uuid(),
    created_at timestamptz not null default now(),
    booking_id uuid not null references public.bookings (id) on delete cascade
);

create table if not exists public.booking_notes (
    id uuid primary key default gen_random_uuid(),
    created_at timestamptz not null default now(),
    booking_id uuid not null references public.bookings (id) on delete cascade
);

create table if not exists public.chats (
    id uuid primary key default gen_random_uuid(),
    created_at timestamptz not null default now(),
    customer_id uuid not null references public.profiles (id) on delete cascade,
    stylist_id uuid not null references public.profiles (id) on delete cascade,
    unique (customer_id, stylist_id)
);

create table if not exists public.chat_messages (
    id uuid primary key default gen_random_uuid(),
    created_at timestamptz not null default now(),
    chat_id uuid not null references public.chats (id) on delete cascade,
    sender_id uuid not null references public.profiles (id) on delete cascade,
    content text not null,
    is_read boolean not null default false
);

create table if not exists public.media (
    id uuid primary key default gen_random_uuid(),
    created_at timestamptz not null default now(),
    file_path text not null,
    media_type public.media_type not null,
    chat_message_id uuid references public.chat_messages (id) on delete cascade,
    service_id uuid references public.services (id) on delete cascade,
    owner_id uuid references public.profiles (id) on delete cascade,
    application_id uuid references public.applications (id) on delete cascade,
    review_id uuid references public.reviews (id) on delete cascade,
    is_preview_image boolean not null default false,
    booking_note_id uuid references public.booking_notes (id) on delete cascade
);

create or replace function public.handle_new_user() returns trigger language plpgsql security definer as $$
begin
    insert into public.profiles (id, full_name, email, role)
    values (
        new.id,
        new.raw_user_meta_data ->> 'full_name',
        new.email,
        coalesce((new.raw_user_meta_data ->> 'role')::public.user_role, 'customer')
    )
    on conflict (id) do nothing;
    return new;
end $$;

create or replace trigger on_auth_user_created
    after insert on auth.users for each row execute function public.handle_new_user();
