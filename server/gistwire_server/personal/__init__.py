"""What is known of a user, and the news that suit them: profiles, interests, ratings, recommendations."""
